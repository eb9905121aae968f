/** Colours of drawings: parsed from the theme, mixed in OKLab so that steps look even. */

/** Red, green, blue and opacity, each `0 … 1`, in sRGB. */
export type Rgba = readonly [red: number, green: number, blue: number, alpha: number];

/** Reads `#rgb[a]`, `#rrggbb[aa]`, `rgb()` and `rgba()`; undefined for anything else. */
export function parseColour(text: string): Rgba | undefined {
  const value = text.trim();
  const hex = /^#([0-9a-f]{3,8})$/i.exec(value)?.[1];
  if (hex !== undefined) {
    const digits = hex.length <= 4 ? Array.from(hex, digit => digit + digit) : (hex.match(/../g) ?? []);
    if (![3, 4, 6, 8].includes(hex.length)) return undefined;
    const [red = 0, green = 0, blue = 0, alpha = 255] = digits.map(pair => Number.parseInt(pair, 16));
    return [red / 255, green / 255, blue / 255, alpha / 255];
  }
  const inside = /^rgba?\(([^)]*)\)$/i.exec(value)?.[1];
  if (inside === undefined) return undefined;
  const parts = inside.split(/[\s,/]+/).filter(part => part !== '');
  const [red, green, blue, alpha = 1] = parts.map((part, at) => {
    const number = Number.parseFloat(part);
    if (part.endsWith('%')) return number / 100;
    return at < 3 ? number / 255 : number;
  });
  if (red === undefined || green === undefined || blue === undefined) return undefined;
  return [red, green, blue, alpha].every(Number.isFinite) ? [red, green, blue, alpha] : undefined;
}

export function cssColour([red, green, blue, alpha]: Rgba): string {
  const byte = (value: number): number => Math.round(Math.min(1, Math.max(0, value)) * 255);
  const rgb = `${byte(red)}, ${byte(green)}, ${byte(blue)}`;
  return alpha >= 1 ? `rgb(${rgb})` : `rgba(${rgb}, ${Number(alpha.toFixed(3))})`;
}

export function withAlpha([red, green, blue]: Rgba, alpha: number): Rgba {
  return [red, green, blue, alpha];
}

/** A translucent colour as it looks on an opaque one. */
export function over(top: Rgba, below: Rgba): Rgba {
  const part = top[3];
  const channel = (index: 0 | 1 | 2): number => top[index] * part + below[index] * (1 - part);
  return [channel(0), channel(1), channel(2), 1];
}

const toLinear = (value: number): number =>
  value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;

const toGamma = (value: number): number =>
  value <= 0.0031308 ? value * 12.92 : 1.055 * Math.max(0, value) ** (1 / 2.4) - 0.055;

type Lab = readonly [lightness: number, a: number, b: number];

// The matrices of Ottosson's OKLab.
function toLab([red, green, blue]: Rgba): Lab {
  const r = toLinear(red);
  const g = toLinear(green);
  const b = toLinear(blue);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromLab([lightness, a, b]: Lab): Rgba {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    toGamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    toGamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    toGamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
    1,
  ];
}

/** `part` of the way from one opaque colour to another, in OKLab. */
export function mix(from: Rgba, to: Rgba, part: number): Rgba {
  const a = toLab(from);
  const b = toLab(to);
  const at = (index: 0 | 1 | 2): number => a[index] + (b[index] - a[index]) * part;
  return fromLab([at(0), at(1), at(2)]);
}

/** WCAG relative luminance of an opaque colour. */
export function luminance([red, green, blue]: Rgba): number {
  return 0.2126 * toLinear(red) + 0.7152 * toLinear(green) + 0.0722 * toLinear(blue);
}

/** WCAG contrast ratio of two opaque colours, `1 … 21`. */
export function contrast(one: Rgba, other: Rgba): number {
  const a = luminance(one);
  const b = luminance(other);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** A sequential scale: `share` 0 … 1 to a colour, and to the ink that reads best on it. */
export interface Ramp {
  fill(share: number): string;
  ink(share: number): string;
}

const STEPS = 64;

/**
 * From just above the background, through the theme's chart colour, to that colour drawn most of the
 * way to the foreground, so that lightness rises (or falls) all along.
 */
export function ramp(background: Rgba, hue: Rgba, foreground: Rgba): Ramp {
  const low = mix(background, hue, 0.1);
  const high = mix(hue, foreground, 0.55);
  const fills: string[] = [];
  const inks: string[] = [];
  for (let step = 0; step < STEPS; step++) {
    const part = step / (STEPS - 1);
    const fill = part < 0.6 ? mix(low, hue, part / 0.6) : mix(hue, high, (part - 0.6) / 0.4);
    const dark: Rgba = [0, 0, 0, 1];
    const light: Rgba = [1, 1, 1, 1];
    fills.push(cssColour(fill));
    inks.push(cssColour(contrast(fill, dark) > contrast(fill, light) ? dark : light));
  }
  const at = (share: number): number => Math.round(Math.min(1, Math.max(0, share)) * (STEPS - 1));
  return { fill: share => fills[at(share)]!, ink: share => inks[at(share)]! };
}
