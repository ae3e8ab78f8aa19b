// Drives a node with @solana/web3.js 1.x and @solana/spl-token. Argument: HTTP URL; the WebSocket
// is on the port behind, where web3.js looks for it.
import assert from 'node:assert/strict';
import * as web3 from '@solana/web3.js';
import * as spl from '@solana/spl-token';

const [httpUrl] = process.argv.slice(2);
const connection = new web3.Connection(httpUrl, 'confirmed');
const payer = web3.Keypair.generate();
const friend = web3.Keypair.generate();
const SOL = web3.LAMPORTS_PER_SOL;

async function step(name, work) {
  const start = performance.now();
  await work();
  console.log(`web3.js: ${name} (${Math.round(performance.now() - start)} ms)`);
}

const pay = (lamports) => web3.SystemProgram.transfer({
  fromPubkey: payer.publicKey, toPubkey: friend.publicKey, lamports,
});
const send = (...instructions) => web3.sendAndConfirmTransaction(
  connection, new web3.Transaction().add(...instructions), [payer],
);
let signature;

await step('airdrop and confirm', async () => {
  const drop = await connection.requestAirdrop(payer.publicKey, 10 * SOL);
  const latest = await connection.getLatestBlockhash();
  await connection.confirmTransaction({ signature: drop, ...latest });
  assert.equal(await connection.getBalance(payer.publicKey), 10 * SOL);
});

await step('transfer', async () => {
  signature = await send(pay(SOL));
  assert.equal(await connection.getBalance(friend.publicKey), SOL);
});

await step('a transaction with a lookup table', async () => {
  const recentSlot = await connection.getSlot();
  const [create, table] = web3.AddressLookupTableProgram.createLookupTable({
    authority: payer.publicKey, payer: payer.publicKey, recentSlot: recentSlot - 1,
  });
  await send(create, web3.AddressLookupTableProgram.extendLookupTable({
    lookupTable: table, authority: payer.publicKey, payer: payer.publicKey,
    addresses: [friend.publicKey],
  }));
  const { value } = await connection.getAddressLookupTable(table);
  assert.ok(value.state.addresses[0].equals(friend.publicKey));
  const latest = await connection.getLatestBlockhash();
  const message = new web3.TransactionMessage({
    payerKey: payer.publicKey, recentBlockhash: latest.blockhash, instructions: [pay(SOL)],
  }).compileToV0Message([value]);
  const transaction = new web3.VersionedTransaction(message);
  transaction.sign([payer]);
  const sent = await connection.sendTransaction(transaction);
  await connection.confirmTransaction({ signature: sent, ...latest });
  const found = await connection.getTransaction(sent, { maxSupportedTransactionVersion: 0 });
  assert.equal(found.version, 0);
  assert.equal(found.meta.loadedAddresses.writable[0].toBase58(), friend.publicKey.toBase58());
  assert.equal(await connection.getBalance(friend.publicKey), 2 * SOL);
  await assert.rejects(connection.getTransaction(sent), /maxSupportedTransactionVersion/);
});

await step('account, logs and signature subscriptions', async () => {
  const told = new Promise((resolve) => {
    connection.onAccountChange(friend.publicKey, (info) => resolve(info.lamports));
  });
  const logged = new Promise((resolve) => {
    connection.onLogs(friend.publicKey, (logs) => resolve(logs));
  });
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  const sent = await send(pay(5));
  assert.equal(await told, 2 * SOL + 5);
  assert.equal((await logged).signature, sent);
  const signed = new Promise((resolve) => {
    connection.onSignature(sent, (result) => resolve(result.err));
  });
  assert.equal(await signed, null, 'it is done already');
});

await step('a failing transfer: error and logs', async () => {
  const failure = await send(pay(1_000 * SOL)).catch((error) => error);
  assert.ok(failure instanceof web3.SendTransactionError);
  assert.match(failure.message, /custom program error: 0x1/);
  assert.ok(failure.logs.some((line) => line.includes('lamports are needed')));
});

await step('simulate', async () => {
  const transaction = new web3.Transaction().add(pay(1));
  const { value } = await connection.simulateTransaction(transaction, [payer]);
  assert.equal(value.err, null);
  assert.ok(value.unitsConsumed > 0);
});

await step('a replayed transaction is refused', async () => {
  const latest = await connection.getLatestBlockhash();
  const transaction = new web3.Transaction({ feePayer: payer.publicKey, ...latest }).add(pay(2));
  transaction.sign(payer);
  const bytes = transaction.serialize();
  await web3.sendAndConfirmRawTransaction(connection, bytes);
  await assert.rejects(connection.sendRawTransaction(bytes), /already been processed/);
});

await step('nonce account', async () => {
  const nonce = web3.Keypair.generate();
  const lamports = await connection.getMinimumBalanceForRentExemption(web3.NONCE_ACCOUNT_LENGTH);
  const create = web3.SystemProgram.createNonceAccount({
    fromPubkey: payer.publicKey, noncePubkey: nonce.publicKey,
    authorizedPubkey: payer.publicKey, lamports,
  });
  await web3.sendAndConfirmTransaction(connection, create, [payer, nonce]);
  const before = await connection.getNonce(nonce.publicKey);
  const transaction = new web3.Transaction({
    feePayer: payer.publicKey,
    nonceInfo: {
      nonce: before.nonce,
      nonceInstruction: web3.SystemProgram.nonceAdvance({
        noncePubkey: nonce.publicKey, authorizedPubkey: payer.publicKey,
      }),
    },
  }).add(pay(3));
  await web3.sendAndConfirmTransaction(connection, transaction, [payer]);
  assert.notEqual((await connection.getNonce(nonce.publicKey)).nonce, before.nonce);
});

await step('tokens: mint, accounts, transfer, balances', async () => {
  const mint = await spl.createMint(connection, payer, payer.publicKey, null, 9);
  const own = await spl.getOrCreateAssociatedTokenAccount(
    connection, payer, mint, payer.publicKey,
  );
  const theirs = await spl.getOrCreateAssociatedTokenAccount(
    connection, payer, mint, friend.publicKey,
  );
  await spl.mintTo(connection, payer, mint, own.address, payer, 5_000_000_000n);
  const sent = await spl.transferChecked(
    connection, payer, own.address, mint, theirs.address, payer, 2_000_000_000n, 9,
  );
  const { value } = await connection.getTokenAccountBalance(theirs.address);
  assert.equal(value.uiAmount, 2);
  assert.equal((await spl.getMint(connection, mint)).supply, 5_000_000_000n);
  const owned = await connection.getParsedTokenAccountsByOwner(friend.publicKey, { mint });
  assert.equal(owned.value.length, 1);
  const largest = await connection.getTokenLargestAccounts(mint);
  assert.deepEqual(largest.value.map((one) => one.uiAmount), [3, 2]);
  const parsed = await connection.getParsedTransaction(sent, {
    maxSupportedTransactionVersion: 0,
  });
  const [instruction] = parsed.transaction.message.instructions;
  assert.equal(instruction.parsed.type, 'transferChecked');
  assert.equal(parsed.meta.postTokenBalances.length, 2);
  const programs = await connection.getProgramAccounts(spl.TOKEN_PROGRAM_ID, {
    filters: [{ dataSize: 165 }, { memcmp: { offset: 0, bytes: mint.toBase58() } }],
  });
  assert.equal(programs.length, 2);
});

await step('history and blocks', async () => {
  const all = await connection.getSignaturesForAddress(friend.publicKey);
  assert.ok(all.some((one) => one.signature === signature));
  const { slot } = await connection.getSignatureStatus(signature, {
    searchTransactionHistory: true,
  }).then((status) => status.value);
  const block = await connection.getBlock(slot, { maxSupportedTransactionVersion: 0 });
  const found = block.transactions.map((one) => one.transaction.signatures[0]);
  assert.ok(found.includes(signature));
  const parsed = await connection.getParsedBlock(slot, { maxSupportedTransactionVersion: 0 });
  assert.equal(parsed.blockhash, block.blockhash);
  assert.ok(await connection.getBlockTime(slot) > 1_600_000_000);
  assert.deepEqual(await connection.getBlocks(slot, slot), [slot]);
  const epoch = await connection.getEpochInfo();
  assert.ok(epoch.absoluteSlot >= slot);
  assert.equal((await connection.getVoteAccounts()).current.length, 0);
  assert.equal((await connection.getClusterNodes()).length, 1);
});
process.exit(0);
