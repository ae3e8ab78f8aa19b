// The signatures of a network's members under a block, by the rules of ZIP 215.
//
// Node and browsers check signatures in native code, which is fast, by rules that are narrower:
// none of them accepts what ZIP 215 refuses, since all ask for s below the group's order and for
// an equation that implies the one of ZIP 215. They differ in what they refuse: points of small
// order, or points in another than their canonical form. So a signature that native code accepts
// is right, and about any other one the library decides. It decides alone where there is no
// native code: in old browsers, and on pages that came over plain HTTP from another machine.

import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { LightError, formError } from "./read.mjs";

const NAMESPACE = utf8ToBytes("lockstep network ");
const FINALIZE = utf8ToBytes("_FINALIZE");

export function readCertificate(reader) {
  const [epoch, view, parentView] = [reader.u64(), reader.u64(), reader.u64()];
  const signatures = [];
  for (let left = reader.u16(); left > 0; left -= 1) {
    const place = reader.u16();
    if (signatures.length > 0 && signatures.at(-1).place >= place) {
      throw formError("order of signatures");
    }
    signatures.push({ place, signature: reader.take(64) });
  }
  return { epoch, rounds: [epoch, view, parentView], signatures };
}

/** Throws unless a quorum of the members has signed the block, and all signatures are right. */
export async function verifyCertificate({ rounds, signatures }, { genesis, members }, block) {
  const expected = quorum(members.length);
  if (signatures.length < expected) {
    const found = signatures.length;
    throw new LightError(`${found} members have signed, expected at least ${expected}`);
  }
  const namespace = concatBytes(NAMESPACE, genesis, FINALIZE);
  const message = concatBytes(varint(namespace.length), namespace, ...rounds.map(varint), block);
  const accepted = await Promise.all(
    signatures.map(({ place, signature }) => isAccepted(signature, message, members[place])),
  );
  for (const [index, { place, signature }] of signatures.entries()) {
    if (!accepted[index] && !(await isRight(signature, message, members[place]))) {
      throw new LightError(`the signature of member ${place} is wrong`);
    }
  }
}

/** Whether native code accepts a signature; false, too, where it knows no such keys. */
async function isAccepted(signature, message, key) {
  const native = globalThis.crypto?.subtle;
  if (native === undefined || key === undefined) {
    return false;
  }
  try {
    const imported = await native.importKey("raw", key, "Ed25519", false, ["verify"]);
    return await native.verify("Ed25519", imported, signature, message);
  } catch {
    return false;
  }
}

/** Whether a signature is right. The library is loaded when it is first asked. */
async function isRight(signature, message, key) {
  const { ed25519 } = await import("@noble/curves/ed25519.js");
  return key !== undefined && ed25519.verify(signature, message, key, { zip215: true });
}

/** Members that a block needs the signatures of: all but less than a third. */
const quorum = (count) => Math.max(count - Math.floor(Math.max(count - 1, 0) / 3), 1);

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
