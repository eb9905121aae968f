import { expect, test } from 'vitest';
import type { ParamSpec } from '../../src/protocol/inspection';
import { changed, readParameter } from '../../webview/parameters';

const window: ParamSpec = { type: 'integer', default: 256, min: 1, max: 65_536, help: '' };
const gate: ParamSpec = { type: 'number', default: 0.5, min: 0, max: 1, help: '' };
const pool: ParamSpec = { type: 'choice', default: 'mean', choices: ['mean', 'softmax'], help: '' };
const segment: ParamSpec = {
  type: 'size',
  default: 128,
  min: 1,
  max: 1000,
  words: ['sentence', 'sqrt'],
  help: '',
};
const causal: ParamSpec = { type: 'boolean', default: true, help: '' };

test.each([
  [window, ' 1,024 ', 1024],
  [window, '1', 1],
  [gate, '0.25', 0.25],
  [gate, '1e-3', 0.001],
  [pool, 'softmax', 'softmax'],
  [causal, 'false', false],
  [segment, ' sqrt ', 'sqrt'],
  [segment, '64', 64],
] as const)('reads %o from "%s"', (spec, text, value) => {
  expect(readParameter('x', spec, text)).toEqual({ ok: true, value });
});

test.each([
  [window, ''],
  [window, '2.5'],
  [window, '0'],
  [window, '65537'],
  [window, '12 tokens'],
  [gate, 'NaN'],
  [gate, 'Infinity'],
  [pool, 'max'],
  [segment, 'word'],
  [segment, '2.5'],
] as const)('refuses for %o "%s"', (spec, text) => {
  expect(readParameter('x', spec, text).ok).toBe(false);
});

test('a refusal says what is expected', () => {
  expect(readParameter('window', window, '0')).toEqual({
    ok: false,
    problem: 'window is a whole number from 1 to 65,536.',
  });
});

test('only what differs from its default is sent', () => {
  expect(changed({ window, gate, causal }, { window: 256, gate: 0.25, causal: false, gone: 3 })).toEqual({
    gate: 0.25,
    causal: false,
  });
});
