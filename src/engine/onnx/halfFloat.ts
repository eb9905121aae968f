/** Sixteen-bit floats: IEEE half precision (`F16`) and the upper half of a float32 (`BF16`). */

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

function expandHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let halfTable: Float32Array | undefined;

/** Value of every half, by its bits: a look-up is several times faster than taking the bits apart. */
function halves(): Float32Array {
  halfTable ??= Float32Array.from({ length: 0x10000 }, (_, bits) => expandHalf(bits));
  return halfTable;
}

/** Writes `bits.length` halves into `into`, from `at` on. */
export function widenHalf(bits: Uint16Array, into: Float32Array, at: number): void {
  const table = halves();
  for (let i = 0; i < bits.length; i++) into[at + i] = table[bits[i]!]!;
}

/** Writes `bits.length` bfloat16 values into `into`, from `at` on. */
export function widenBfloat(bits: Uint16Array, into: Float32Array, at: number): void {
  const target = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < bits.length; i++) target[at + i] = bits[i]! << 16;
}

/** The half nearest to `value` (ties to even), as bits; too large becomes infinite. */
export function toHalf(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    const steps = Math.abs(scratch[0]) * 2 ** 24;
    return sign | roundToEven(steps);
  }
  const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
  return sign | (rounded >>> 13);
}

/** The bfloat16 nearest to `value` (ties to even), as bits. */
export function toBfloat(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
