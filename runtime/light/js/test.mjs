// The vectors that the crate is tested with: each proof is right, and wrong with any bit changed.
// node test.mjs VECTORS [BITS]: of each proof that number of bits is tried, all by default.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { verify } from "./light.mjs";

const bytes = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const text = (bytes) => Buffer.from(bytes).toString("hex");
const [, , file, bits] = process.argv;
const vectors = JSON.parse(readFileSync(file, "utf8"));
const network = {
  genesis: bytes(vectors.genesis),
  members: vectors.members.map(bytes),
};

let tried = 0;
const start = performance.now();
for (const vector of vectors.proofs) {
  const [address, proof] = [bytes(vector.address), bytes(vector.proof)];
  const proven = verify(network, address, proof);
  assert.equal(text(proven.blockId), vector.blockId);
  assert.equal(proven.slot, BigInt(vector.slot));
  const lamports = proven.account === null ? null : String(proven.account.lamports);
  assert.equal(lamports, vector.lamports);
}
const each = (performance.now() - start) / vectors.proofs.length;
for (const vector of vectors.proofs) {
  const [address, proof] = [bytes(vector.address), bytes(vector.proof)];
  const size = proof.length * 8;
  const step = Math.max(1, Math.floor(size / Number(bits ?? size)));
  for (let place = 0; place < size; place += step) {
    const mutated = Uint8Array.from(proof);
    mutated[place >> 3] ^= 1 << (place & 7);
    assert.throws(() => verify(network, address, mutated), Error, `bit ${place}`);
    tried += 1;
  }
  for (const end of [0, 1, size / 16, proof.length - 1]) {
    assert.throws(() => verify(network, address, proof.subarray(0, end)), Error);
  }
  const longer = Uint8Array.from([...proof, 0]);
  assert.throws(() => verify(network, address, longer), Error);
  const other = Uint8Array.from(address);
  other[31] ^= 1;
  assert.throws(() => verify(network, other, proof), Error);
}
console.log(`${vectors.proofs.length} proofs, ${each.toFixed(2)} ms each; ${tried} mutations`);
