// Taking a proof apart.

/** Why a proof proves nothing. */
export class LightError extends Error {
  name = "LightError";
}

export const sizeError = () =>
  new LightError("the proof is cut off, or has bytes behind its end");

export const formError = (part) =>
  new LightError(`the proof's ${part} is not of the form that it must have`);

export const epochError = (expected, found) =>
  new LightError(`the block is of epoch ${found}, expected one of epoch ${expected}`);

/** A view of bytes as numbers. */
export const numbers = (bytes) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const isEqual = (one, other) =>
  one.length === other.length && one.every((byte, place) => byte === other[place]);

/** The bytes that are left of a proof. */
export class Reader {
  constructor(bytes) {
    this.rest = bytes;
  }

  take(size) {
    if (this.rest.length < size) {
      throw sizeError();
    }
    const taken = this.rest.subarray(0, size);
    this.rest = this.rest.subarray(size);
    return taken;
  }

  u8 = () => this.take(1)[0];
  u16 = () => numbers(this.take(2)).getUint16(0, true);
  u32 = () => numbers(this.take(4)).getUint32(0, true);
  u64 = () => numbers(this.take(8)).getBigUint64(0, true);
}
