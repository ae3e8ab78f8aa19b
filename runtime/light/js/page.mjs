// The twin against the files that the crate is tested with, in headless Chromium, with the
// libraries as a node serves them.
// node page.mjs BROWSER FOLDER VECTORS CASES MADE [BITS]: BROWSER starts it, FOLDER is this one;
// the rest is as in test.mjs. Exit code 3: there is no browser here.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, normalize } from "node:path";
import { pathToFileURL } from "node:url";

import { stepOf } from "./checks.mjs";

const [launcher, folder, ...files] = process.argv.slice(2);
const [vectors, cases, made] = files
  .slice(0, 3)
  .map((file) => JSON.parse(readFileSync(file, "utf8")));
const bits = files[3] === undefined ? undefined : Number(files[3]);

const page = `<!doctype html><link rel="icon" href="data:,"><script type="importmap">
{ "imports": { "@noble/curves/": "/noble/curves/", "@noble/hashes/": "/noble/hashes/" } }
</script><script type="module">
import * as light from "/light.mjs"; import * as checks from "/checks.mjs";
window.twin = { light, checks };
</script>`;

const server = createServer(({ url }, response) => {
  if (url === "/") {
    response.setHeader("content-type", "text/html").end(page);
    return;
  }
  try {
    const script = readFileSync(join(folder, normalize(url)));
    response.setHeader("content-type", "text/javascript").end(script);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const browser = await (await import(pathToFileURL(launcher).href)).launch();
const opened = await browser.newPage();
const errors = [];
opened.on("pageerror", (error) => errors.push(error.message));
await opened.goto(`http://127.0.0.1:${server.address().port}/`);
await opened.waitForFunction(() => window.twin !== undefined);

for (const isNative of [true, false]) {
  const [proofs, steps, isWith] = await opened.evaluate(
    async (vectors, cases, isNative) => {
      const { light, checks } = window.twin;
      const run = isNative ? (checked) => checked() : checks.withoutNative;
      return await run(async () => {
        const proofs = await checks.checkVectors(light, vectors);
        const steps = await checks.checkCases(light, cases);
        await checks.checkTwoAtOnce(light, cases);
        return [proofs, steps, await checks.hasNative()];
      });
    },
    vectors,
    cases,
    isNative,
  );
  const native = isWith ? "with" : "without";
  console.log(`${proofs} proofs and ${steps} steps, ${native} native signatures`);
}

const all = made.map((proof) => [proof, 1]);
const some = vectors.proofs.map((proof) => [
  { ...proof, genesis: vectors.genesis, members: vectors.members },
  stepOf(proof.proof, bits),
]);
let tried = 0;
for (const [proof, step] of all.concat(some)) {
  tried += await opened.evaluate(
    (proof, step) => window.twin.checks.checkBits(window.twin.light, proof, 0, step),
    proof,
    step,
  );
}
console.log(`${tried} mutations, all refused`);
if (errors.length > 0) {
  throw new Error(errors.join("\n"));
}
await browser.close();
process.exit(0);
