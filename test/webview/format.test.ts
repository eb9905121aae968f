import { describe, expect, test } from 'vitest';
import {
  compact,
  count,
  doubling,
  duration,
  plural,
  runningText,
  share,
  ticksText,
  tokenText,
  weight,
} from '../../webview/format';

describe('numbers', () => {
  test.each([
    [0, '0'],
    [7.25, '7.3'],
    [950, '950'],
    [999.6, '1k'],
    [12_345, '12.3k'],
    [131_072, '131k'],
    [999_700, '1M'],
    [2_557_632, '2.56M'],
    [Number.NaN, '–'],
  ])('compact(%d) is %s', (value, text) => {
    expect(compact(value)).toBe(text);
  });

  test('a small share or weight never reads as nothing, and a sign is a minus', () => {
    expect(share(0.0004)).toBe('<0.1 %');
    expect(share(0)).toBe('0.0 %');
    expect(share(-0.25)).toBe('−25.0 %');
    expect(weight(0.0004)).toBe('<0.001');
    expect(weight(-0.0004)).toBe('>−0.001');
    expect(weight(-0.04)).toBe('−0.040');
  });

  test('what is not known is a dash', () => {
    for (const text of [count, share, weight, duration]) expect(text(Number.NaN)).toBe('–');
  });

  test('durations', () => {
    expect(duration(0.38)).toBe('0.4 s');
    expect(duration(84.2)).toBe('84 s');
    expect(duration(200)).toBe('3 min 20 s');
  });

  test('ticks are all short or all in full', () => {
    expect([0, 20_000].map(ticksText([0, 20_000]))).toEqual(['0', '20k']);
    expect([0, 1000].map(ticksText([0, 1000]))).toEqual(['0', '1,000']);
    expect([20_000, 20_250].map(ticksText([20_000, 20_250]))).toEqual(['20,000', '20,250']);
  });

  test('distances double', () => {
    expect([1, 512, 1024, 32_768, 1_048_576].map(doubling)).toEqual(['1', '512', '1k', '32k', '1M']);
  });

  test('plural', () => {
    expect(plural(1, 'token')).toBe('1 token');
    expect(plural(1200, 'token')).toBe('1,200 tokens');
  });
});

describe('tokens', () => {
  test('white space and control characters are visible', () => {
    expect(tokenText(' the')).toBe('·the');
    expect(tokenText('\r\n\t\u0000\u007f')).toBe('⏎⇥␀␡');
    expect(tokenText('')).toBe('(start)');
  });

  test('a cut does not split an emoji', () => {
    expect(tokenText('😀😀😀😀', 3)).toBe('😀😀…');
  });

  test('running text keeps its spaces', () => {
    expect(runningText(' a\r\nb\n')).toBe(' a⏎b⏎');
  });
});
