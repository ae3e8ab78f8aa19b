// Anchor's TypeScript client on an interface description. The first argument is the folder with
// `idl.json` and `wallets.json`. `build` prints the instructions that the client makes; `decode` prints
// what it makes of `accounts.json` and `events.json`, which a chain left.
import fs from 'node:fs';
import anchor from '@coral-xyz/anchor';

const { AnchorProvider, BN, BorshCoder, Program, web3 } = anchor;
const [folder, command] = process.argv.slice(2);
const read = (name) => JSON.parse(fs.readFileSync(`${folder}/${name}.json`));
const idl = read('idl');

const instruction = ({ programId, keys, data }) => ({
  program: programId.toBase58(),
  accounts: keys.map(({ pubkey, isSigner, isWritable }) => [
    pubkey.toBase58(),
    isSigner,
    isWritable,
  ]),
  data: [...data],
});

const plain = (value) => JSON.parse(JSON.stringify(value));

async function build() {
  const wallets = Object.fromEntries(
    Object.entries(read('wallets')).map(([name, address]) => [name, new web3.PublicKey(address)]),
  );
  const { authority, buyer, mint, purse, raffle, tickets } = wallets;
  const wallet = { publicKey: authority, signTransaction: null, signAllTransactions: null };
  const provider = new AnchorProvider(new web3.Connection('http://localhost:1'), wallet, {});
  const { methods } = new Program(idl, provider);
  const made = {
    create: methods.create(new BN(7), new BN(5), new BN(1_700_000_060))
      .accounts({ authority, mint }),
    buy: methods.buy('luck').accounts({ buyer, purse, raffle }),
    // Anchor derives no address from the accounts of another group.
    claim: methods.claim().accounts({ buyer, purse, desk: { raffle }, ticket: tickets }),
    sweep: methods.sweep().accounts({ authority, raffle }).remainingAccounts([
      { pubkey: tickets, isSigner: false, isWritable: true },
    ]),
  };
  const out = {};
  for (const [name, builder] of Object.entries(made)) {
    out[name] = instruction(await builder.instruction());
  }
  return out;
}

function decode() {
  const coder = new BorshCoder(idl);
  const states = read('accounts').map(([name, data]) =>
    plain(coder.accounts.decode(name, Buffer.from(data))));
  const events = read('events').map((data) =>
    plain(coder.events.decode(Buffer.from(data).toString('base64'))));
  return { states, events };
}

console.log(JSON.stringify(command === 'build' ? await build() : decode()));
