// What both tests check, in Node and in a page: `light` is the twin, the rest are the shared files.

const bytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const text = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function expect(found, expected, where) {
  if (found !== expected) {
    throw new Error(`${where}: expected ${expected}, found ${found}`);
  }
}

/** The message of the error with which a promise fails; `null` if it does not. */
async function refusal(light, promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    if (error instanceof light.LightError) {
      return error.message;
    }
    throw error;
  }
}

const networkOf = ({ genesis, members }) => ({
  genesis: bytes(genesis),
  members: members.map(bytes),
});

/** Proofs of a network: each is right, and wrong if it is cut, goes on, or is about another. */
export async function checkVectors(light, vectors) {
  const network = networkOf(vectors);
  for (const vector of vectors.proofs) {
    const [address, proof] = [bytes(vector.address), bytes(vector.proof)];
    const proven = await light.verify(network, address, proof);
    expect(text(proven.blockId), vector.blockId, "block");
    expect(String(proven.slot), vector.slot, "slot");
    const lamports = proven.account === null ? null : String(proven.account.lamports);
    expect(lamports, vector.lamports, "lamports");
    const size = "the proof is cut off, or has bytes behind its end";
    for (const end of [0, 1, proof.length >> 1, proof.length - 1]) {
      const cut = proof.subarray(0, end);
      expect(await refusal(light, light.verify(network, address, cut)), size, `${end} bytes`);
    }
    const longer = Uint8Array.from([...proof, 0]);
    expect(await refusal(light, light.verify(network, address, longer)), size, "a byte more");
    const other = Uint8Array.from(address);
    other[31] ^= 1;
    const state = "the account does not follow from the block's state root";
    expect(await refusal(light, light.verify(network, other, proof)), state, "another address");
  }
  return vectors.proofs.length;
}

/** Networks that are followed: what is said at each step, and where the follower is then. */
export async function checkCases(light, { genesis, epochSlots, cases }) {
  const keys = (members) => members.match(/.{64}/g) ?? [];
  let steps = 0;
  for (const { name, members, steps: expected } of cases) {
    const network = networkOf({ genesis, members: keys(members) });
    const followed = new light.Succession(network, BigInt(epochSlots));
    for (const [index, step] of expected.entries()) {
      const proof = bytes(step.proof);
      const said =
        step.address === null
          ? followed.advance(proof)
          : followed.verify(bytes(step.address), proof);
      const where = `${name}, step ${index}`;
      expect(await refusal(light, said), step.error, where);
      expect(String(followed.epoch), step.epoch, where);
      expect(String(followed.lastSlot), step.lastSlot, where);
      expect(followed.network.members.map(text).join(""), step.members, where);
      steps += 1;
    }
  }
  return steps;
}

/** Two calls at once go on by one epoch, and what the members of before sign is refused. */
export async function checkTwoAtOnce(light, { genesis, epochSlots, cases }) {
  const { members, steps } = cases[0];
  const network = networkOf({ genesis, members: members.match(/.{64}/g) });
  const followed = new light.Succession(network, BigInt(epochSlots));
  const calls = [followed.advance(bytes(steps[0].proof)), followed.advance(bytes(steps[0].proof))];
  const said = await Promise.all(calls.map((call) => refusal(light, call)));
  const late = "the block is of epoch 0, expected one of epoch 1";
  expect(said.filter((error) => error === null).length, 1, "calls that went on");
  expect(said.filter((error) => error === late).length, 1, "calls that came late");
  expect(String(followed.epoch), "1", "epoch");
}

/** A proof with one bit changed, of bits from a first one on: each is refused. */
export async function checkBits(light, made, first, step) {
  const network = networkOf(made);
  const [address, proof] = [bytes(made.address), bytes(made.proof)];
  let tried = 0;
  for (let place = first; place < proof.length * 8; place += step) {
    const mutated = Uint8Array.from(proof);
    mutated[place >> 3] ^= 1 << (place & 7);
    const said = await refusal(light, light.verify(network, address, mutated));
    if (said === null) {
      throw new Error(`bit ${place} of a proof is changed, and the proof is accepted`);
    }
    tried += 1;
  }
  return tried;
}

/** Bits of vectors that are changed: of each proof this number, all by default. */
export function stepOf(proof, bits) {
  const size = proof.length * 4;
  return Math.max(1, Math.floor(size / (bits ?? size)));
}

/** Whether native code knows such signatures here. */
export async function hasNative() {
  const key = new Uint8Array(32);
  try {
    await globalThis.crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

/** The same without native code for signatures. */
export async function withoutNative(run) {
  const own = Object.getOwnPropertyDescriptor(globalThis.crypto, "subtle");
  Object.defineProperty(globalThis.crypto, "subtle", { value: undefined, configurable: true });
  try {
    return await run();
  } finally {
    delete globalThis.crypto.subtle;
    if (own) {
      Object.defineProperty(globalThis.crypto, "subtle", own);
    }
  }
}
