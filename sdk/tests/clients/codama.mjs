// Codama on an interface description. The first argument is the folder with `idl.json`, into which
// the rendered client goes. Prints what Codama makes of the description.
import fs from 'node:fs';
import { rootNodeFromAnchor } from '@codama/nodes-from-anchor';
import { renderVisitor } from '@codama/renderers-js';
import { createFromRoot } from 'codama';

const [folder] = process.argv.slice(2);
const idl = JSON.parse(fs.readFileSync(`${folder}/idl.json`));
const codama = createFromRoot(rootNodeFromAnchor(idl));
const { program } = codama.getRoot();
await codama.accept(renderVisitor(`${folder}/rendered`));

const files = fs
  .readdirSync(`${folder}/rendered`, { recursive: true })
  .filter((file) => file.endsWith('.ts'));
console.log(JSON.stringify({
  instructions: Object.fromEntries(program.instructions.map((instruction) => [
    instruction.name,
    instruction.accounts.map((account) => ({
      name: account.name,
      signer: account.isSigner,
      writable: account.isWritable,
      derived: account.defaultValue?.kind ?? null,
      docs: account.docs?.length ?? 0,
    })),
  ])),
  accounts: program.accounts.map((account) => account.name),
  errors: program.errors.map((error) => error.name),
  files,
}));
