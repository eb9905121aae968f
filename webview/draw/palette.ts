/** The colours and fonts that drawings use, made from a theme's variables. */

import type { Ramp, Rgba } from './colour';
import { cssColour, mix, over, parseColour, ramp, withAlpha } from './colour';

export interface Palette {
  readonly background: string;
  readonly foreground: string;
  readonly muted: string;
  /** Axes and separators. */
  readonly line: string;
  /** Areas that hold nothing, such as what lies after the token. */
  readonly shade: string;
  /** Attention mass. */
  readonly mass: string;
  readonly massFaint: string;
  /** Negative weights of rows that are no distribution. */
  readonly negative: string;
  readonly sink: string;
  readonly span: string;
  readonly stale: string;
  readonly outline: string;
  readonly ramp: Ramp;
  /** Attention mass that a variant misses. */
  readonly missed: Ramp;
  /** True in the high contrast themes: areas get borders. */
  readonly contrast: boolean;
  readonly font: string;
  readonly mono: string;
}

/** Looks up a CSS variable; an empty string when the theme does not define it. */
export type Lookup = (name: string) => string;

/** @param kind VS Code's name of the theme kind, such as `vscode-high-contrast-light`. */
export function paletteOf(lookup: Lookup, kind: string): Palette {
  const light = kind.endsWith('light');
  const black: Rgba = [0, 0, 0, 1];
  const white: Rgba = [1, 1, 1, 1];
  const first = (fallback: Rgba, ...names: readonly string[]): Rgba => {
    for (const name of names) {
      const colour = parseColour(lookup(name));
      if (colour !== undefined) return colour;
    }
    return fallback;
  };
  const ground = first(light ? white : black, '--vscode-editor-background');
  const solid = (fallback: Rgba, ...names: readonly string[]): Rgba =>
    over(first(fallback, ...names), ground);
  const ink = solid(light ? black : white, '--vscode-foreground', '--vscode-editor-foreground');
  const muted = solid(mix(ground, ink, 0.7), '--vscode-descriptionForeground');
  const mass = solid(mix(ground, [0.2, 0.5, 1, 1], 0.8), '--vscode-charts-blue');
  // Themes take a translucent colour of their minimap for it, too faint for a line.
  const sink = withAlpha(first(mix(ground, [0.9, 0.5, 0.1, 1], 0.8), '--vscode-charts-orange'), 1);
  const negative = solid(sink, '--vscode-charts-red');
  const contrast = kind.includes('high-contrast');
  const border = contrast
    ? first(ink, '--vscode-contrastBorder')
    : solid(mix(ground, ink, 0.2), '--vscode-widget-border', '--vscode-panel-border');
  return {
    background: cssColour(ground),
    foreground: cssColour(ink),
    muted: cssColour(muted),
    line: cssColour(contrast ? border : mix(ground, ink, 0.28)),
    shade: cssColour(withAlpha(ink, contrast ? 0.16 : 0.06)),
    mass: cssColour(mass),
    massFaint: cssColour(withAlpha(mass, contrast ? 0.5 : 0.3)),
    negative: cssColour(negative),
    sink: cssColour(sink),
    span: cssColour(solid(ink, '--vscode-charts-green')),
    stale: cssColour(withAlpha(solid(sink, '--vscode-charts-yellow'), 0.25)),
    outline: cssColour(
      contrast ? first(ink, '--vscode-contrastActiveBorder') : solid(ink, '--vscode-foreground'),
    ),
    ramp: ramp(ground, mass, ink),
    missed: ramp(ground, negative, ink),
    contrast,
    font: lookup('--vscode-font-family') || 'sans-serif',
    mono: lookup('--vscode-editor-font-family') || 'monospace',
  };
}
