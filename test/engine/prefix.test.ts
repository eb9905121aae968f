/** A variant that claims that an edit leaves earlier rows alone is held to it, over its own examples. */

import { describe, expect, it } from 'vitest';

import { VARIANTS } from '../../src/engine/variants';
import type { ReferenceInputs } from '../../src/engine/variants/primitives/mixer';
import { normal, random } from '../support/random';

const HEADS = 2;
const WIDTH = 8;
const WHOLE = 63;

const uniform = random(5);
const draw = (tokens: number) => Float32Array.from({ length: HEADS * tokens * WIDTH }, () => normal(uniform));
const q = draw(WHOLE);
const k = draw(WHOLE);

function inputs(tokens: number): ReferenceInputs {
  const cut = (x: Float32Array) =>
    Float32Array.from({ length: HEADS * tokens * WIDTH }, (_, at) => {
      const head = Math.floor(at / (tokens * WIDTH));
      return x[head * WHOLE * WIDTH + (at % (tokens * WIDTH))]!;
    });
  const scale = 1 / Math.sqrt(WIDTH);
  return {
    heads: HEADS,
    tokens,
    width: WIDTH,
    scale,
    q: cut(q),
    k: cut(k),
    score(head, i, j) {
      let sum = 0;
      for (let d = 0; d < WIDTH; d++) {
        sum += q[(head * WHOLE + i) * WIDTH + d]! * k[(head * WHOLE + j) * WIDTH + d]!;
      }
      return sum * scale;
    },
    units: () => Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / 9)),
    tensors: {},
  };
}

const table = VARIANTS.flatMap(variant =>
  variant.examples
    .filter(({ params, tensors }) => tensors === undefined && variant.isPrefixStable(params))
    .map(({ params }) => ({ id: variant.info.id, params, variant })),
);

describe('rows do not depend on what follows them', () => {
  it('is claimed by the plain ones', () => {
    expect(new Set(table.map(({ id }) => id)).size).toBeGreaterThan(12);
  });

  it.each(table)('$id $params', ({ variant, params }) => {
    const whole = variant.reference(inputs(WHOLE), params);
    for (const tokens of [1, 32, 50]) {
      const cut = variant.reference(inputs(tokens), params);
      cut.forEach((weight, at) => {
        const row = Math.floor(at / tokens);
        const [head, i, j] = [Math.floor(row / tokens), row % tokens, at % tokens];
        expect(Math.abs(weight - whole[(head * WHOLE + i) * WHOLE + j]!)).toBeLessThan(1e-9);
      });
    }
  });
});
