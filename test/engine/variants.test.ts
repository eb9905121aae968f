import { expect, it } from 'vitest';

import { VARIANTS } from '../../src/engine/variants';
import { paddedLength, TILE } from '../../src/engine/variants/primitives/mixer';
import { describeVariants } from '../support/variantTable';

describeVariants('cpu');

it.each(VARIANTS.map(({ info, examples }) => ({ id: info.id, examples })))(
  '$id has examples to test',
  ({ examples }) => {
    expect(examples.length).toBeGreaterThan(0);
  },
);

it('pads arrays to whole tiles', () => {
  expect(paddedLength(1)).toBe(TILE);
  expect(paddedLength(TILE)).toBe(TILE);
  expect(paddedLength(TILE + 1)).toBe(2 * TILE);
});
