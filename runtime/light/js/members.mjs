// Members that change with epochs: each set is proved by the one before. The layout of their list
// stands in `src/members.rs`.

import { hexToBytes } from "@noble/hashes/utils.js";

import { check } from "./light.mjs";
import { LightError, Reader, epochError, isEqual } from "./read.mjs";

/** The address of the account that lists the members. */
export const MEMBERS = hexToBytes(
  "06a1d81962b1a9a65e956546ae7b1f44f6847e29abb9ba646a2dc02e00000000",
);
/** The program that owns it. */
export const STAKING_PROGRAM = hexToBytes(
  "06a1d81962af073cbd188fd2985462112667069b7aa0e44e2bbde95000000000",
);
/** What its data begin with. */
const HEAD = Uint8Array.of(5, 0);
const COUNT_MAX = 128;
const U64_MAX = 2n ** 64n - 1n;

const smaller = (one, other) => (one < other ? one : other);

/**
 * A network whose members change with epochs, as far as it has been followed.
 *
 * `network` is the network with the members of `epoch`, whose last slot is `lastSlot`.
 */
export class Succession {
  /**
   * A network in epoch 0, with the members that its genesis names.
   *
   * @param {import("./light.mjs").Network} network
   * @param {bigint | number} epochSlots slots of an epoch, at least 1
   */
  constructor(network, epochSlots) {
    this.network = network;
    this.epoch = 0n;
    this.epochSlots = BigInt(epochSlots);
    if (this.epochSlots < 1n || this.epochSlots > U64_MAX) {
      throw new RangeError(`expected at least 1 slot in an epoch, found ${epochSlots}`);
    }
  }

  /** The last slot of the epoch. */
  get lastSlot() {
    const next = smaller(this.epoch + 1n, U64_MAX);
    return smaller(next * this.epochSlots, U64_MAX) - 1n;
  }

  /**
   * Checks a proof about an address, at a block of the epoch.
   *
   * @param {Uint8Array} address
   * @param {Uint8Array} proof
   * @returns {Promise<import("./light.mjs").Certified>} fails as `verify` does, or if the proof says
   *   that the members of another epoch have signed
   */
  async verify(address, proof) {
    return check(this.network, this.epoch, address, proof);
  }

  /**
   * Goes on to the next epoch, by a proof of {@link MEMBERS} at the last block of this one. If the
   * proof does not prove that, nothing changes.
   *
   * @param {Uint8Array} proof
   * @returns {Promise<import("./light.mjs").Certified>} what the proof proves
   */
  async advance(proof) {
    const { network, epoch, lastSlot } = this;
    const certified = await check(network, epoch, MEMBERS, proof);
    if (certified.slot !== lastSlot) {
      throw new LightError(
        `the block has slot ${certified.slot}, expected ${lastSlot}, the last one of the epoch`,
      );
    }
    // Another call may have gone on in the meantime.
    if (this.epoch !== epoch) {
      throw epochError(this.epoch, epoch);
    }
    const members = listed(certified.account)?.map(({ key }) => key);
    this.network = { ...network, members: members ?? network.members };
    this.epoch = smaller(epoch + 1n, U64_MAX);
    return certified;
  }
}

/**
 * The members that an account lists, each with its stake in lamports; `null` if it lists none.
 *
 * @param {null | import("./light.mjs").Account} account
 * @returns {null | {key: Uint8Array, stake: bigint}[]}
 */
export function listed(account) {
  if (account === null || !isEqual(account.owner, STAKING_PROGRAM)) {
    return null;
  }
  const size = HEAD.length + 4;
  if (account.data.length < size || !isEqual(account.data.subarray(0, HEAD.length), HEAD)) {
    return null;
  }
  const reader = new Reader(account.data.subarray(HEAD.length));
  const count = reader.u32();
  if (count < 1 || count > COUNT_MAX || reader.rest.length < count * 40) {
    return null;
  }
  const members = Array.from({ length: count }, () => ({
    key: reader.take(32).slice(),
    stake: reader.u64(),
  }));
  const isSorted = members.every(
    ({ key }, place) => place === 0 || isBelow(members[place - 1].key, key),
  );
  return isSorted ? members : null;
}

function isBelow(one, other) {
  const place = one.findIndex((byte, place) => byte !== other[place]);
  return place >= 0 && one[place] < other[place];
}
