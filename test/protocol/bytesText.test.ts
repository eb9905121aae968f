import { expect, test } from 'vitest';

import { describeBytes } from '../../src/protocol/bytesText';

test.each([
  [0, '0 B'],
  [512, '512 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [98_304, '98.3 kB'],
  [999_499, '999 kB'],
  [999_500, '1 MB'],
  [73_400_320, '73.4 MB'],
  [2.5e9, '2.5 GB'],
  [3e15, '3000 TB'],
  [Number.NaN, '–'],
])('%d bytes are %s', (bytes, words) => {
  expect(describeBytes(bytes)).toBe(words);
});
