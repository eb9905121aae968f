import { describe, expect, test } from 'vitest';
import type { Rgba } from '../../webview/draw/colour';
import { contrast, cssColour, luminance, mix, over, parseColour } from '../../webview/draw/colour';
import { paletteOf } from '../../webview/draw/palette';
import { THEMES } from './harness/themes';

describe('colours', () => {
  test.each([
    ['#fff', [1, 1, 1, 1]],
    ['#00000080', [0, 0, 0, 128 / 255]],
    ['#3794FF', [55 / 255, 148 / 255, 1, 1]],
    ['rgb(255, 0, 51)', [1, 0, 0.2, 1]],
    ['rgba(255, 255, 255, 0.7)', [1, 1, 1, 0.7]],
    ['rgb(0 102 204 / 50%)', [0, 0.4, 0.8, 0.5]],
  ])('%s', (text, expected) => {
    const colour = parseColour(text);
    expect(colour).toBeDefined();
    colour?.forEach((channel, at) => expect(channel).toBeCloseTo(expected[at] ?? Number.NaN, 6));
  });

  test('what is no colour is none', () => {
    for (const text of ['', 'red', '#12', '#12345', 'rgb(1, 2)', 'rgb(a, b, c)']) {
      expect(parseColour(text)).toBeUndefined();
    }
  });

  test('a mix ends at its ends', () => {
    const from = parseColour('#1f1f1f')!;
    const to = parseColour('#59a4f9')!;
    expect(cssColour(mix(from, to, 0))).toBe('rgb(31, 31, 31)');
    expect(cssColour(mix(from, to, 1))).toBe('rgb(89, 164, 249)');
    expect(cssColour(over([1, 1, 1, 0.5], [0, 0, 0, 1]))).toBe('rgb(128, 128, 128)');
  });

  test('contrast of black and white is 21', () => {
    expect(contrast([0, 0, 0, 1], [1, 1, 1, 1])).toBeCloseTo(21, 6);
  });
});

describe.each(Object.entries(THEMES))('the %s theme', (_, { kind, variables }) => {
  const palette = paletteOf(name => variables[name.replace('--vscode-', '')] ?? '', kind);
  const read = (text: string): Rgba => parseColour(text)!;
  const ground = read(palette.background);
  const steps = Array.from({ length: 21 }, (_unused, step) => step / 20);

  test('more mass is always further from the background', () => {
    const light = steps.map(step => luminance(read(palette.ramp.fill(step))));
    const rising = light[20]! > light[0]!;
    for (let step = 1; step < light.length; step++) {
      expect(rising ? light[step]! > light[step - 1]! : light[step]! < light[step - 1]!).toBe(true);
    }
    expect(contrast(read(palette.ramp.fill(1)), ground)).toBeGreaterThan(4.5);
  });

  test('figures can be read on every step of the scale', () => {
    for (const step of steps) {
      expect(contrast(read(palette.ramp.fill(step)), read(palette.ramp.ink(step)))).toBeGreaterThan(4.5);
    }
  });

  test('marks and labels stand out from the background', () => {
    for (const mark of [palette.mass, palette.sink, palette.span, palette.outline, palette.negative]) {
      expect(contrast(read(mark), ground)).toBeGreaterThan(2.8);
    }
    for (const text of [palette.foreground, palette.muted]) {
      expect(contrast(read(text), ground)).toBeGreaterThan(4.5);
    }
  });
});

test('a theme that defines nothing still draws', () => {
  for (const kind of ['vscode-dark', 'vscode-high-contrast-light']) {
    const palette = paletteOf(() => '', kind);
    expect(contrast(parseColour(palette.foreground)!, parseColour(palette.background)!)).toBeGreaterThan(4.5);
  }
});
