/** Whole layers of random numbers attended, and how far halves may put them off. */

import { expect } from 'vitest';

import { attendLayer } from '../../src/engine/attention';
import type { LayerState } from '../../src/engine/layerState';
import { attention } from '../../src/engine/schedule';
import type { Layer, Mixer } from '../../src/engine/variants/primitives/mixer';
import { STAT_NAMES } from '../../src/protocol/inspection';
import { HEADS, vectorAt, WIDTH } from './randomLayer';

/** Half of the step between neighbouring halves, relative: 11 bits are significant. */
export const HALF_ROUNDING = 2 ** -11;
/** Rounding of float32, which is everywhere else. */
const FLOAT32 = 1e-5;

export interface AttendedLayer {
  readonly mixer: Mixer;
  readonly stats: LayerState['stats'];
  /** Of every block, one after another. */
  readonly outputs: readonly number[];
}

type Given = Readonly<Record<string, unknown>>;

/** A layer with a variant, before it attends. */
export async function stateOf(layer: Layer, id: string, params: Given) {
  const chosen = attention({ id, params } as Parameters<typeof attention>[0]);
  const unknown = () => new Float32Array(HEADS * layer.tokens).fill(NaN);
  const stats = Object.fromEntries(
    STAT_NAMES.map(name => [name, unknown()]),
  ) as unknown as LayerState['stats'];
  const mixer = await chosen.variant.open(layer, params);
  const state: LayerState = { layer, attention: chosen, own: chosen, mixer, ownMixer: undefined, stats };
  return { state, mixer };
}

export async function attendAll(layer: Layer, id: string, params: Given): Promise<AttendedLayer> {
  const { state, mixer } = await stateOf(layer, id, params);
  const outputs: number[] = [];
  await attendLayer(state, { mixer, own: undefined, from: 0 }, (_, y) => {
    for (const value of y) outputs.push(value);
    return Promise.resolve();
  });
  return { mixer, stats: state.stats, outputs };
}

export interface Bounds {
  /** Of a weight, relative. */
  readonly weight: number;
  readonly output: number;
  readonly entropy: number;
}

/** @param roundings of a half in every score: of its factors, of its sums, of itself. */
export function bounds(layer: Layer, roundings: number): Bounds {
  let largest = 0;
  for (let head = 0; head < HEADS; head++) {
    for (let i = 0; i < layer.tokens; i++) {
      const q = vectorAt(layer.q, head, i);
      for (let j = 0; j < layer.tokens; j++) {
        const k = vectorAt(layer.k, head, j);
        const sum = q.reduce((total, value, d) => total + Math.abs(value * k[d]!), 0);
        largest = Math.max(largest, sum / Math.sqrt(WIDTH));
      }
    }
  }
  // Roundings of roundings are the last hundredth.
  const score = roundings * 1.01 * HALF_ROUNDING * largest;
  // exp(score) over a sum of such: both may be off.
  const weight = Math.expm1(2 * score) + FLOAT32;
  const size = layer.v.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return {
    weight,
    output: (weight + HALF_ROUNDING) * size,
    // The log of the sum is off by a score, the mean score by its rounded key and by the weights.
    entropy: score + HALF_ROUNDING * largest + weight * largest,
  };
}

export function expectAttended(found: AttendedLayer, expected: AttendedLayer, within: Bounds): void {
  expectWithin(found.outputs, expected.outputs, within.output);
  expectWithin(found.stats.peak, expected.stats.peak, within.weight);
  expectWithin(found.stats.sink, expected.stats.sink, within.weight);
  expectWithin(found.stats.entropy, expected.stats.entropy, within.entropy);
}

export function expectWithin(found: ArrayLike<number>, expected: ArrayLike<number>, bound: number): void {
  expect(found.length).toBe(expected.length);
  let worst = 0;
  for (let at = 0; at < found.length; at++) {
    const difference = Math.abs(found[at]! - expected[at]!);
    // NaN must not compare as small.
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Infinity : difference;
  }
  expect(worst).toBeLessThanOrEqual(bound);
}
