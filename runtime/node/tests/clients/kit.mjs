// Drives a node with @solana/kit and its program clients. Arguments: HTTP URL, WebSocket URL.
import assert from 'node:assert/strict';
import * as kit from '@solana/kit';
import * as system from '@solana-program/system';
import * as token from '@solana-program/token';

const [httpUrl, socketUrl] = process.argv.slice(2);
const rpc = kit.createSolanaRpc(httpUrl);
const rpcSubscriptions = kit.createSolanaRpcSubscriptions(socketUrl);
const airdrop = kit.airdropFactory({ rpc, rpcSubscriptions });
const confirm = kit.sendAndConfirmTransactionFactory({ rpc, rpcSubscriptions });
const confirmDurable = kit.sendAndConfirmDurableNonceTransactionFactory({ rpc, rpcSubscriptions });
const commitment = 'confirmed';
const SOL = 1_000_000_000n;

async function message(payer, instructions, version = 0) {
  const { value: blockhash } = await rpc.getLatestBlockhash().send();
  return kit.pipe(
    kit.createTransactionMessage({ version }),
    (it) => kit.setTransactionMessageFeePayerSigner(payer, it),
    (it) => kit.setTransactionMessageLifetimeUsingBlockhash(blockhash, it),
    (it) => kit.appendTransactionMessageInstructions(instructions, it),
  );
}

async function send(payer, instructions, version = 0) {
  const unsigned = await message(payer, instructions, version);
  const transaction = await kit.signTransactionMessageWithSigners(unsigned);
  await confirm(transaction, { commitment });
  return kit.getSignatureFromTransaction(transaction);
}

async function step(name, work) {
  const start = performance.now();
  await work();
  console.log(`kit: ${name} (${Math.round(performance.now() - start)} ms)`);
}

// A message that comes while no one asks for it is lost, so the first is asked for at once.
async function first(messages) {
  for await (const message of messages) return message;
}

const [payer, friend, mint, nonce] = await Promise.all(
  Array.from({ length: 4 }, () => kit.generateKeyPairSigner()),
);
const lamports = async (address) => (await rpc.getBalance(address).send()).value;
let transferred;

await step('airdrop and confirm', async () => {
  await airdrop({ recipientAddress: payer.address, lamports: kit.lamports(10n * SOL), commitment });
  assert.equal(await lamports(payer.address), 10n * SOL);
});

const pay = (amount) =>
  system.getTransferSolInstruction({ source: payer, destination: friend.address, amount });

for (const version of ['legacy', 0, 1]) {
  await step(`transfer in a message of version ${version}`, async () => {
    const before = await lamports(friend.address);
    transferred = await send(payer, [pay(SOL)], version);
    assert.equal(await lamports(friend.address), before + SOL);
    const found = await rpc
      .getTransaction(transferred, { encoding: 'json', maxSupportedTransactionVersion: 1 })
      .send();
    assert.equal(found.version, version);
    assert.equal(found.meta.err, null);
  });
}

await step('an account subscription tells of a change', async () => {
  const stop = new AbortController();
  const changes = await rpcSubscriptions
    .accountNotifications(friend.address, { commitment, encoding: 'base64' })
    .subscribe({ abortSignal: stop.signal });
  const change = first(changes);
  const before = await lamports(friend.address);
  await send(payer, [pay(5n)]);
  assert.equal((await change).value.lamports, before + 5n);
  stop.abort();
});

await step('logs, slot, root and program subscriptions', async () => {
  const stop = new AbortController();
  const options = { abortSignal: stop.signal };
  const logs = await rpcSubscriptions
    .logsNotifications({ mentions: [friend.address] }, { commitment })
    .subscribe(options);
  const slots = await rpcSubscriptions.slotNotifications().subscribe(options);
  const roots = await rpcSubscriptions.rootNotifications().subscribe(options);
  const [entry, slot, root] = [first(logs), first(slots), first(roots)];
  const signature = await send(payer, [pay(6n)]);
  const { value } = await entry;
  assert.equal(value.signature, signature);
  assert.ok(value.logs.some((line) => line.includes('success')));
  const { slot: newest, parent } = await slot;
  assert.ok(newest > parent);
  assert.ok(await root > 0n);
  stop.abort();
});

await step('a nonce transaction, and its end', async () => {
  const space = BigInt(system.getNonceSize());
  const rent = await rpc.getMinimumBalanceForRentExemption(space).send();
  await send(payer, [
    system.getCreateAccountInstruction({
      payer, newAccount: nonce, lamports: rent, space,
      programAddress: system.SYSTEM_PROGRAM_ADDRESS,
    }),
    system.getInitializeNonceAccountInstruction({
      nonceAccount: nonce.address, nonceAuthority: payer.address,
    }),
  ]);
  const { data } = await system.fetchNonce(rpc, nonce.address);
  const unsigned = kit.pipe(
    kit.createTransactionMessage({ version: 0 }),
    (it) => kit.setTransactionMessageFeePayerSigner(payer, it),
    (it) => kit.setTransactionMessageLifetimeUsingDurableNonce({
      nonce: data.blockhash, nonceAccountAddress: nonce.address,
      nonceAuthorityAddress: payer.address,
    }, it),
    (it) => kit.appendTransactionMessageInstructions([pay(7n)], it),
  );
  const transaction = await kit.signTransactionMessageWithSigners(unsigned);
  await confirmDurable(transaction, { commitment });
  const after = await system.fetchNonce(rpc, nonce.address);
  assert.notEqual(after.data.blockhash, data.blockhash);
});

await step('a failing transfer: error, logs, and nothing sent', async () => {
  const unsigned = await message(payer, [pay(1_000n * SOL)]);
  const transaction = await kit.signTransactionMessageWithSigners(unsigned);
  const failure = await confirm(transaction, { commitment }).catch((error) => error);
  const code = kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE;
  assert.ok(kit.isSolanaError(failure, code), String(failure));
  assert.ok(failure.context.logs.some((line) => line.includes('lamports are needed')));
  assert.ok(system.isSystemError(
    failure.cause, unsigned, system.SYSTEM_ERROR__RESULT_WITH_NEGATIVE_LAMPORTS,
  ));
});

await step('the same failure on the chain, without preflight', async () => {
  const unsigned = await message(payer, [pay(1_000n * SOL)]);
  const transaction = await kit.signTransactionMessageWithSigners(unsigned);
  await confirm(transaction, { commitment, skipPreflight: true }).catch(() => {});
  const signature = kit.getSignatureFromTransaction(transaction);
  const { value: [status] } = await rpc.getSignatureStatuses([signature]).send();
  const shown = JSON.stringify(status.err, (_, value) =>
    typeof value === 'bigint' ? Number(value) : value);
  assert.equal(shown, '{"InstructionError":[0,{"Custom":1}]}');
});

await step('a replayed signature is refused', async () => {
  const unsigned = await message(payer, [pay(8n)]);
  const transaction = await kit.signTransactionMessageWithSigners(unsigned);
  await confirm(transaction, { commitment });
  const bytes = kit.getBase64EncodedWireTransaction(transaction);
  const again = await rpc.sendTransaction(bytes, { encoding: 'base64' }).send()
    .then(() => null, (error) => error);
  assert.ok(kit.isSolanaError(
    again.cause ?? again, kit.SOLANA_ERROR__TRANSACTION_ERROR__ALREADY_PROCESSED,
  ), String(again));
});

await step('simulate, with an account as it would be', async () => {
  const unsigned = await message(payer, [pay(9n)]);
  const transaction = await kit.signTransactionMessageWithSigners(unsigned);
  const bytes = kit.getBase64EncodedWireTransaction(transaction);
  const before = await lamports(friend.address);
  const { value } = await rpc.simulateTransaction(bytes, {
    encoding: 'base64', sigVerify: true, innerInstructions: true,
    accounts: { addresses: [friend.address], encoding: 'base64' },
  }).send();
  assert.equal(value.err, null);
  assert.equal(value.accounts[0].lamports, before + 9n);
  assert.equal(await lamports(friend.address), before);
});

await step('mint, token account, minting, balances', async () => {
  const space = BigInt(token.getMintSize());
  const rent = await rpc.getMinimumBalanceForRentExemption(space).send();
  const [account] = await token.findAssociatedTokenPda({
    mint: mint.address, owner: friend.address, tokenProgram: token.TOKEN_PROGRAM_ADDRESS,
  });
  const signature = await send(payer, [
    system.getCreateAccountInstruction({
      payer, newAccount: mint, lamports: rent, space,
      programAddress: token.TOKEN_PROGRAM_ADDRESS,
    }),
    token.getInitializeMint2Instruction({
      mint: mint.address, decimals: 6, mintAuthority: payer.address,
    }),
    await token.getCreateAssociatedTokenIdempotentInstructionAsync({
      payer, owner: friend.address, mint: mint.address,
    }),
    token.getMintToInstruction({
      mint: mint.address, token: account, mintAuthority: payer, amount: 1_500_000n,
    }),
  ]);
  const { value: balance } = await rpc.getTokenAccountBalance(account).send();
  assert.deepEqual([balance.amount, balance.uiAmountString], ['1500000', '1.5']);
  const found = await token.fetchToken(rpc, account);
  assert.equal(found.data.amount, 1_500_000n);
  const { value: owned } = await rpc
    .getTokenAccountsByOwner(friend.address, { mint: mint.address }, { encoding: 'jsonParsed' })
    .send();
  assert.equal(owned[0].account.data.parsed.info.tokenAmount.uiAmountString, '1.5');
  const transaction = await rpc
    .getTransaction(signature, { encoding: 'jsonParsed', maxSupportedTransactionVersion: 0 })
    .send();
  assert.equal(transaction.meta.postTokenBalances[0].uiTokenAmount.amount, '1500000');
  assert.ok(transaction.meta.innerInstructions[0].instructions.length > 0);
  const kinds = transaction.transaction.message.instructions.map((one) => one.parsed.type);
  assert.deepEqual(kinds, ['createAccount', 'initializeMint2', 'createIdempotent', 'mintTo']);
});

await step('history: signatures page by page, and whole transactions', async () => {
  const all = await rpc.getSignaturesForAddress(friend.address).send();
  assert.ok(all.length >= 8);
  const pages = [];
  for (;;) {
    const before = pages.at(-1)?.signature;
    const page = await rpc
      .getSignaturesForAddress(friend.address, { limit: 3, ...(before && { before }) })
      .send();
    if (page.length === 0) break;
    pages.push(...page);
  }
  assert.deepEqual(pages.map((one) => one.signature), all.map((one) => one.signature));
  const asked = await rpc.getTransactionsForAddress(friend.address, {
    transactionDetails: 'full', encoding: 'json', maxSupportedTransactionVersion: 1,
    sortOrder: 'asc', limit: 2,
  }).send();
  assert.equal(asked.data.length, 2);
  const oldest = asked.data[0].transaction.signatures[0];
  assert.equal(oldest, all.at(-1).signature);
});

await step('a block in all details', async () => {
  const { slot } = await rpc
    .getTransaction(transferred, { encoding: 'json', maxSupportedTransactionVersion: 1 })
    .send();
  for (const transactionDetails of ['full', 'accounts', 'signatures', 'none']) {
    const block = await rpc
      .getBlock(slot, { transactionDetails, maxSupportedTransactionVersion: 1, encoding: 'json' })
      .send();
    assert.ok(block.blockHeight > 0n && block.parentSlot < slot);
  }
  const block = await rpc
    .getBlock(slot, { transactionDetails: 'signatures', maxSupportedTransactionVersion: 1 })
    .send();
  assert.ok(block.signatures.includes(transferred));
  const slots = await rpc.getBlocks(slot, slot).send();
  assert.deepEqual(slots, [slot]);
});

await step('every method of the client answers', async () => {
  const slot = await rpc.getSlot().send();
  const unsigned = await message(payer, [pay(1n)]);
  const compiled = kit.compileTransaction(unsigned);
  const bytes = kit.getBase64Decoder().decode(compiled.messageBytes);
  const fee = await rpc.getFeeForMessage(bytes).send();
  assert.equal(fee.value, 5_000n);
  const { blockhash } = unsigned.lifetimeConstraint;
  assert.equal((await rpc.isBlockhashValid(blockhash).send()).value, true);
  const asked = {
    getAgGenesisCert: [], getBlockCommitment: [slot], getBlockHeight: [], getBlockProduction: [],
    getBlockTime: [slot], getBlocksWithLimit: [slot - 2n, 3], getClusterNodes: [],
    getEpochInfo: [], getEpochSchedule: [], getFirstAvailableBlock: [], getGenesisHash: [],
    getHealth: [], getHighestSnapshotSlot: [], getIdentity: [], getInflationGovernor: [],
    getInflationRate: [], getInflationReward: [[payer.address]], getLargestAccounts: [],
    getLeaderSchedule: [], getMaxRetransmitSlot: [], getMaxShredInsertSlot: [],
    getMultipleAccounts: [[payer.address, mint.address]], getRecentPerformanceSamples: [3],
    getRecentPrioritizationFees: [[payer.address]], getSlotLeader: [], getSlotLeaders: [slot, 4],
    getStakeMinimumDelegation: [], getSupply: [], getTransactionCount: [], getVersion: [],
    getVoteAccounts: [], minimumLedgerSlot: [],
    getTokenSupply: [mint.address], getTokenLargestAccounts: [mint.address],
    getProgramAccounts: [token.TOKEN_PROGRAM_ADDRESS, { encoding: 'jsonParsed' }],
    getTokenAccountsByDelegate: [payer.address, { programId: token.TOKEN_PROGRAM_ADDRESS }],
  };
  for (const [method, parameters] of Object.entries(asked)) {
    const answer = await rpc[method](...parameters).send();
    assert.notEqual(answer, undefined, method);
  }
});
process.exit(0);
