// Drives a program with Anchor's client over its interface description. Arguments: HTTP URL, the
// file with the description.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import anchor from '@coral-xyz/anchor';

const { AnchorProvider, BN, Program, Wallet, web3 } = anchor;
const [httpUrl, file] = process.argv.slice(2);
const connection = new web3.Connection(httpUrl, 'confirmed');
const maker = web3.Keypair.generate();
const taker = web3.Keypair.generate();
const SOL = web3.LAMPORTS_PER_SOL;
const provider = new AnchorProvider(connection, new Wallet(maker), { commitment: 'confirmed' });
const program = new Program(JSON.parse(fs.readFileSync(file, 'utf8')), provider);

async function step(name, work) {
  const start = performance.now();
  await work();
  console.log(`anchor: ${name} (${Math.round(performance.now() - start)} ms)`);
}

const number = new BN(7);
const [offer] = web3.PublicKey.findProgramAddressSync(
  [Buffer.from('offer'), maker.publicKey.toBuffer(), number.toArrayLike(Buffer, 'le', 8)],
  program.programId,
);
const take = (price) => program.methods.take(number, new BN(price))
  .accounts({ taker: taker.publicKey, maker: maker.publicKey, offer })
  .signers([taker]);

await step('airdrop', async () => {
  for (const key of [maker, taker]) {
    const signature = await connection.requestAirdrop(key.publicKey, 10 * SOL);
    await connection.confirmTransaction({ signature, ...await connection.getLatestBlockhash() });
  }
});

await step('call', async () => {
  const made = program.methods.make(number, new BN(2 * SOL), new BN(SOL));
  await made.accounts({ maker: maker.publicKey }).rpc();
});

await step('fetch', async () => {
  const state = await program.account.offer.fetch(offer);
  assert.ok(state.maker.equals(maker.publicKey));
  assert.equal(state.lamports.toNumber(), 2 * SOL);
  assert.equal(state.price.toNumber(), SOL);
  const all = await program.account.offer.all();
  assert.deepEqual(all.map((one) => one.publicKey.toBase58()), [offer.toBase58()]);
});

await step('an error by its name', async () => {
  await assert.rejects(take(5).rpc(), (error) => {
    assert.match(String(error), /the price is not what the taker agreed to|0x1/);
    return true;
  });
});

await step('an event to a listener', async () => {
  let listener;
  const heard = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('no event came')), 10_000).unref();
    listener = program.addEventListener('taken', (event, slot, signature) => {
      resolve({ event, slot, signature });
    });
  });
  // The subscription is on its way when the listener is added.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const signature = await take(SOL).rpc();
  const { event, slot, signature: of } = await heard;
  assert.ok(event.offer.equals(offer));
  assert.equal(event.price.toNumber(), SOL);
  assert.equal(of, signature);
  assert.ok(slot > 0);
  await program.removeEventListener(listener);
  assert.equal(await program.account.offer.fetchNullable(offer), null);
});
process.exit(0);
