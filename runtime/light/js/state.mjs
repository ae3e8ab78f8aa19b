// The way from a state root to an account. The layout stands in `src/state.rs`.

import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { LightError, Reader, formError, isEqual, sizeError } from "./read.mjs";

const VERSION = 1;
const SIBLING_COUNT_MAX = 256;

export const hash = (...parts) => sha256(concatBytes(...parts));

/** Throws unless the account has these bytes in the state, or does not exist if `null`. */
export function verifyState(root, address, account, proof) {
  const wrong = () => new LightError("the account does not follow from the block's state root");
  const path = hash(address);
  const reader = new Reader(proof);
  if (reader.u8() !== VERSION) {
    throw formError("version of the state's proof");
  }
  const end = reader.u8();
  if (end > 1) {
    throw formError("end of the path");
  }
  const leaf = end === 1 ? { path: reader.take(32), value: reader.take(32) } : null;
  const count = reader.u16();
  if (count > SIBLING_COUNT_MAX || reader.rest.length !== count * 32) {
    throw sizeError();
  }
  const siblings = Array.from({ length: count }, () => reader.take(32));
  // A leaf of another address proves that there is none here only if it lies on the path.
  if (leaf && siblings.some((_, depth) => bit(leaf.path, depth) !== bit(path, depth))) {
    throw wrong();
  }
  const isOwn = leaf !== null && isEqual(leaf.path, path);
  if (isOwn !== (account !== null) || (isOwn && !isEqual(leaf.value, hash(account)))) {
    throw wrong();
  }
  let node = leaf ? withFirstBit(hash(leaf.path, leaf.value), 1) : new Uint8Array(32);
  for (let depth = count - 1; depth >= 0; depth -= 1) {
    const pair = bit(path, depth) ? [siblings[depth], node] : [node, siblings[depth]];
    node = withFirstBit(hash(...pair), 0);
  }
  if (!isEqual(node, root)) {
    throw wrong();
  }
}

/** The account of its bytes. */
export function readAccount(bytes) {
  const reader = new Reader(bytes);
  const [lamports, owner, flag, size] = [reader.u64(), reader.take(32), reader.u8(), reader.u32()];
  if (flag > 1 || reader.rest.length !== size) {
    throw formError("account");
  }
  return { lamports, owner, executable: flag === 1, data: reader.rest };
}

/** The bit of a path at a depth, the first bit being the highest of the first byte. */
const bit = (path, depth) => (path[depth >> 3] >> (7 ^ (depth & 7))) & 1;

function withFirstBit(node, isSet) {
  node[0] = (node[0] & 0x7f) | (isSet << 7);
  return node;
}
