// Checks a certified proof as the crate `lockstep-light` does: that the members of a network have
// made a block final, and that an account is in the state after it, or is not. The layout of a
// proof stands in that crate's documentation, and each file here does what the one of its name
// does there: the same proofs are accepted, and others refused with the same words.

import { utf8ToBytes } from "@noble/hashes/utils.js";

import { readCertificate, verifyCertificate } from "./certificate.mjs";
import { LightError, Reader, epochError, formError, numbers } from "./read.mjs";
import { hash, readAccount, verifyState } from "./state.mjs";

export { MEMBERS, STAKING_PROGRAM, Succession, listed } from "./members.mjs";
export { LightError };

const VERSION = 1;
const HEADER_SIZE = 214;
const SLOT_OFFSET = 33;
const TIME_OFFSET = 41;
const ROOT_OFFSET = 149;
const HEADER_TAG = utf8ToBytes("lockstep block header");
const BLOCK_TAG = utf8ToBytes("lockstep validator block");

/**
 * What is trusted.
 *
 * @typedef {object} Network
 * @property {Uint8Array} genesis the id of the genesis block
 * @property {Uint8Array[]} members the members' keys in ascending order
 */

/**
 * What is proved.
 *
 * @typedef {object} Certified
 * @property {Uint8Array} blockId the id of the block after which this holds
 * @property {Uint8Array} digest what the members have signed, which commits to the signatures of
 *   its transactions, too
 * @property {bigint} slot its slot
 * @property {bigint} unixTimestamp its time in seconds since 1970
 * @property {null | Account} account `null` if there is none
 */

/**
 * @typedef {object} Account
 * @property {bigint} lamports
 * @property {Uint8Array} owner the program that owns it
 * @property {boolean} executable whether it is a program
 * @property {Uint8Array} data
 */

/**
 * Checks a proof about an address, of a network whose members stay the same. One whose members
 * change with epochs is followed by a {@link Succession}.
 *
 * @param {Network} network
 * @param {Uint8Array} address
 * @param {Uint8Array} proof
 * @returns {Promise<Certified>} fails with a {@link LightError} unless the network has certified it
 */
export async function verify(network, address, proof) {
  return check(network, null, address, proof);
}

/** The same, of a block of one epoch unless that is `null`. */
export async function check(network, epoch, address, proof) {
  for (const bytes of [network.genesis, ...network.members, address]) {
    if (bytes.length !== 32) {
      throw new TypeError(`expected ids, keys and addresses of 32 bytes, found ${bytes.length}`);
    }
  }
  // A copy, which stays as it is while signatures are checked.
  const reader = new Reader(Uint8Array.from(proof));
  const version = reader.u8();
  if (version !== VERSION) {
    throw new LightError(`the proof has version ${version}, expected ${VERSION}`);
  }
  const certificate = readCertificate(reader);
  if (epoch !== null && certificate.epoch !== epoch) {
    throw epochError(epoch, certificate.epoch);
  }
  const [parent, header, body] = [reader.take(32), reader.take(HEADER_SIZE), reader.take(32)];
  const flag = reader.u8();
  if (flag > 1) {
    throw formError("flag of the account");
  }
  const account = flag === 1 ? reader.take(reader.u32()) : null;
  const digest = hash(BLOCK_TAG, parent, header, body);
  await verifyCertificate(certificate, network, digest);
  if (header[ROOT_OFFSET] !== 1) {
    throw new LightError("the block has no state root");
  }
  const root = header.subarray(ROOT_OFFSET + 1, ROOT_OFFSET + 33);
  verifyState(root, address, account, reader.rest);
  return {
    blockId: hash(HEADER_TAG, header),
    digest,
    slot: numbers(header).getBigUint64(SLOT_OFFSET, true),
    unixTimestamp: numbers(header).getBigInt64(TIME_OFFSET, true),
    account: account === null ? null : readAccount(account),
  };
}
