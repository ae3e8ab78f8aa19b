// Checks a certified proof as the crate `lockstep-light` does: that the members of a network have
// made a block final, and that an account is in the state after it, or is not. The layout of a
// proof stands in that crate's documentation.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

const VERSION = 1;
const HEADER_SIZE = 214;
const SLOT_OFFSET = 33;
const TIME_OFFSET = 41;
const ROOT_OFFSET = 149;
const SIBLING_COUNT_MAX = 256;
const HEADER_TAG = utf8ToBytes("lockstep block header");
const BLOCK_TAG = utf8ToBytes("lockstep validator block");
const NAMESPACE = utf8ToBytes("lockstep network ");
const FINALIZE = utf8ToBytes("_FINALIZE");

const hash = (...parts) => sha256(concatBytes(...parts));
const isEqual = (one, other) =>
  one.length === other.length && one.every((byte, place) => byte === other[place]);
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The bytes that are left of a proof. */
class Reader {
  constructor(bytes) {
    this.rest = bytes;
  }

  take(size) {
    if (this.rest.length < size) {
      throw new Error("the proof is cut off, or has bytes behind its end");
    }
    const taken = this.rest.subarray(0, size);
    this.rest = this.rest.subarray(size);
    return taken;
  }

  u8 = () => this.take(1)[0];
  u16 = () => view(this.take(2)).getUint16(0, true);
  u32 = () => view(this.take(4)).getUint32(0, true);
  u64 = () => view(this.take(8)).getBigUint64(0, true);
}

/** Members that a block needs the signatures of: all but less than a third. */
const quorum = (count) => Math.max(count - Math.floor((count - 1) / 3), 1);

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function varint(number) {
  const bytes = [];
  for (let rest = BigInt(number); ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    if (rest < 0x80n) {
      bytes.push(low);
      return Uint8Array.from(bytes);
    }
    bytes.push(low | 0x80);
  }
}

function readCertificate(reader) {
  const rounds = [reader.u64(), reader.u64(), reader.u64()];
  const signatures = [];
  for (let left = reader.u16(); left > 0; left -= 1) {
    const place = reader.u16();
    if (signatures.length > 0 && signatures.at(-1).place >= place) {
      throw new Error("the proof's signatures are out of order");
    }
    signatures.push({ place, signature: reader.take(64) });
  }
  return { rounds, signatures };
}

function verifyCertificate({ rounds, signatures }, { genesis, members }, block) {
  const expected = quorum(members.length);
  if (signatures.length < expected) {
    throw new Error(`${signatures.length} members have signed, expected at least ${expected}`);
  }
  const namespace = concatBytes(NAMESPACE, genesis, FINALIZE);
  const message = concatBytes(varint(namespace.length), namespace, ...rounds.map(varint), block);
  for (const { place, signature } of signatures) {
    const key = members[place];
    let isRight = false;
    try {
      isRight = key !== undefined && ed25519.verify(signature, message, key, { zip215: true });
    } catch {
      // Bytes that are no point.
    }
    if (!isRight) {
      throw new Error(`the signature of member ${place} is wrong`);
    }
  }
}

const bit = (path, depth) => (path[depth >> 3] >> (7 ^ (depth & 7))) & 1;

function withFirstBit(node, isSet) {
  node[0] = (node[0] & 0x7f) | (isSet << 7);
  return node;
}

function verifyState(root, address, account, proof) {
  const wrong = () => new Error("the account does not follow from the block's state root");
  const path = hash(address);
  const reader = new Reader(proof);
  const [version, end] = [reader.u8(), reader.u8()];
  if (version !== 1 || end > 1) {
    throw new Error("the proof of the state is not of the form that it must have");
  }
  const leaf = end === 1 ? { path: reader.take(32), value: reader.take(32) } : null;
  const count = reader.u16();
  if (count > SIBLING_COUNT_MAX || reader.rest.length !== count * 32) {
    throw new Error("the proof is cut off, or has bytes behind its end");
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

function readAccount(bytes) {
  const reader = new Reader(bytes);
  const [lamports, owner, flag, size] = [reader.u64(), reader.take(32), reader.u8(), reader.u32()];
  if (flag > 1 || reader.rest.length !== size) {
    throw new Error("the proof's account is not of the form that it must have");
  }
  return { lamports, owner, executable: flag === 1, data: reader.rest };
}

/**
 * Checks a proof about an address. Throws an `Error` unless the network has certified it.
 *
 * @param {{genesis: Uint8Array, members: Uint8Array[]}} network what is trusted: the id of the
 *   genesis block, and the members' keys in ascending order
 * @param {Uint8Array} address 32 bytes
 * @param {Uint8Array} proof
 * @returns {{blockId: Uint8Array, slot: bigint, unixTimestamp: bigint,
 *   account: null | {lamports: bigint, owner: Uint8Array, executable: boolean, data: Uint8Array}}}
 */
export function verify(network, address, proof) {
  const reader = new Reader(proof);
  const version = reader.u8();
  if (version !== VERSION) {
    throw new Error(`the proof has version ${version}, expected ${VERSION}`);
  }
  const certificate = readCertificate(reader);
  const [parent, header, body] = [reader.take(32), reader.take(HEADER_SIZE), reader.take(32)];
  const flag = reader.u8();
  if (flag > 1) {
    throw new Error("the proof's flag of the account is not of the form that it must have");
  }
  const account = flag === 1 ? reader.take(reader.u32()) : null;
  verifyCertificate(certificate, network, hash(BLOCK_TAG, parent, header, body));
  if (header[ROOT_OFFSET] !== 1) {
    throw new Error("the block has no state root");
  }
  const root = header.subarray(ROOT_OFFSET + 1, ROOT_OFFSET + 33);
  verifyState(root, address, account, reader.rest);
  return {
    blockId: hash(HEADER_TAG, header),
    slot: view(header).getBigUint64(SLOT_OFFSET, true),
    unixTimestamp: view(header).getBigInt64(TIME_OFFSET, true),
    account: account === null ? null : readAccount(account),
  };
}
