/** A pen that writes SVG: drawings made for a canvas become elements. */

import { cssColour, parseColour, withAlpha } from '../draw/colour';
import type { Context, Size } from '../draw/pen';

interface Style {
  fillStyle: Context['fillStyle'];
  strokeStyle: Context['strokeStyle'];
  lineWidth: number;
  globalAlpha: number;
  font: string;
  textAlign: CanvasTextAlign;
  textBaseline: CanvasTextBaseline;
  imageSmoothingEnabled: boolean;
  dash: readonly number[];
  /** Groups to close when this style is restored to the one before. */
  groups: number;
}

/** The parts of a canvas that only a page has. */
export interface PageParts {
  /** Width of a text in CSS pixels. */
  measure(font: string, text: string): TextMetrics;
  /** A part of an image as a data URL of a PNG. */
  picture(image: CanvasImageSource, source: readonly number[]): string;
}

const ANCHORS: Readonly<Record<CanvasTextAlign, string>> = {
  left: 'start',
  start: 'start',
  center: 'middle',
  right: 'end',
  end: 'end',
};

/** `dominant-baseline` is understood unevenly; shifts in ems are not. */
const SHIFTS: Readonly<Record<CanvasTextBaseline, number>> = {
  top: 0.8,
  hanging: 0.8,
  middle: 0.35,
  alphabetic: 0,
  ideographic: -0.1,
  bottom: -0.2,
};

export class SvgPen implements Context {
  fillStyle: Context['fillStyle'] = '#000000';
  strokeStyle: Context['strokeStyle'] = '#000000';
  lineWidth = 1;
  globalAlpha = 1;
  font = '10px sans-serif';
  textAlign: CanvasTextAlign = 'start';
  textBaseline: CanvasTextBaseline = 'alphabetic';
  imageSmoothingEnabled = true;
  private dash: readonly number[] = [];
  private groups = 0;
  private readonly saved: Style[] = [];
  private readonly elements: string[] = [];
  private path = '';
  private clips = 0;
  private readonly page: PageParts;

  constructor(page: PageParts) {
    this.page = page;
  }

  /** The document drawn so far. */
  document({ width, height }: Size, title: string): string {
    while (this.saved.length > 0) this.restore();
    this.close(this.groups);
    this.groups = 0;
    const box = `width="${number(width)}" height="${number(height)}" viewBox="0 0 ${number(width)} ${number(height)}"`;
    const body = this.elements.join('\n');
    return `<svg xmlns="http://www.w3.org/2000/svg" ${box} role="img">\n<title>${escaped(title)}</title>\n${body}\n</svg>\n`;
  }

  save(): void {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline } = this;
    const { imageSmoothingEnabled, dash, groups } = this;
    const text = { font, textAlign, textBaseline };
    this.saved.push({
      ...{ fillStyle, strokeStyle, lineWidth, globalAlpha, imageSmoothingEnabled, dash, groups },
      ...text,
    });
    this.groups = 0;
  }

  restore(): void {
    const before = this.saved.pop();
    if (before === undefined) return;
    this.close(this.groups);
    Object.assign(this, before);
  }

  translate(x: number, y: number): void {
    this.open(`transform="translate(${number(x)} ${number(y)})"`);
  }

  beginPath(): void {
    this.path = '';
  }

  moveTo(x: number, y: number): void {
    this.path += `M${number(x)} ${number(y)}`;
  }

  lineTo(x: number, y: number): void {
    this.path += `${this.path === '' ? 'M' : 'L'}${number(x)} ${number(y)}`;
  }

  rect(x: number, y: number, width: number, height: number): void {
    this.path += `M${number(x)} ${number(y)}h${number(width)}v${number(height)}h${number(-width)}Z`;
  }

  arc(x: number, y: number, radius: number, from: number, to: number): void {
    this.ellipse(x, y, radius, radius, 0, from, to);
  }

  /** Clockwise, and without rotation: no drawing needs either. */
  ellipse(x: number, y: number, rx: number, ry: number, _rotation: number, from: number, to: number): void {
    const point = (angle: number): string =>
      `${number(x + rx * Math.cos(angle))} ${number(y + ry * Math.sin(angle))}`;
    const radii = `${number(rx)} ${number(ry)}`;
    // An arc of SVG cannot go all the way round, so that each goes half of the way.
    const middle = (from + to) / 2;
    this.path += `${this.path === '' ? 'M' : 'L'}${point(from)}`;
    for (const end of [middle, to]) this.path += `A${radii} 0 0 1 ${point(end)}`;
  }

  fill(): void {
    if (this.path !== '') this.write('path', `d="${this.path}" ${this.filled()}`);
  }

  stroke(): void {
    if (this.path !== '') this.write('path', `d="${this.path}" fill="none" ${this.stroked()}`);
  }

  clip(): void {
    this.clips += 1;
    const id = `clip${this.clips}`;
    this.elements.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath>`);
    this.open(`clip-path="url(#${id})"`);
  }

  setLineDash(dash: Iterable<number>): void {
    this.dash = [...dash];
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.write('rect', `${box(x, y, width, height)} ${this.filled()}`);
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.write('rect', `${box(x, y, width, height)} fill="none" ${this.stroked()}`);
  }

  fillText(text: string, x: number, y: number): void {
    const [, size = '10', family = 'sans-serif'] = /([\d.]+)px\s+(.*)$/.exec(this.font) ?? [];
    const bold = this.font.startsWith('bold') ? ' font-weight="bold"' : '';
    const shift = SHIFTS[this.textBaseline] * Number(size);
    const place = `x="${number(x)}" y="${number(y + shift)}" text-anchor="${ANCHORS[this.textAlign]}"`;
    const font = `font-size="${size}" font-family="${escaped(family)}"${bold}`;
    const attributes = `${place} ${font} xml:space="preserve" ${this.filled()}`;
    this.elements.push(`<text ${attributes}>${escaped(text)}</text>`);
  }

  measureText(text: string): TextMetrics {
    return this.page.measure(this.font, text);
  }

  /** As a canvas reads its arguments: to a place, to a box, or from a box to a box. */
  drawImage(image: CanvasImageSource, ...numbers: readonly number[]): void {
    const source = numbers.length === 8 ? numbers.slice(0, 4) : [];
    const [x = 0, y = 0, width, height] = numbers.length === 8 ? numbers.slice(4) : numbers;
    const across = width ?? sizeOf(image)[0];
    const down = height ?? sizeOf(image)[1];
    const rendering = this.imageSmoothingEnabled ? '' : ' image-rendering="pixelated"';
    const href = this.page.picture(image, source);
    const place = `${box(x, y, across, down)} preserveAspectRatio="none"${this.opacity('opacity', 1)}`;
    this.write('image', `href="${href}" ${place}${rendering}`);
  }

  private filled(): string {
    return this.paint('fill', this.fillStyle);
  }

  private stroked(): string {
    const dash = this.dash.length === 0 ? '' : ` stroke-dasharray="${this.dash.map(number).join(' ')}"`;
    return `${this.paint('stroke', this.strokeStyle)} stroke-width="${number(this.lineWidth)}"${dash}`;
  }

  private paint(what: 'fill' | 'stroke', style: Context['fillStyle']): string {
    const colour = typeof style === 'string' ? parseColour(style) : undefined;
    if (colour === undefined) return `${what}="${typeof style === 'string' ? escaped(style) : 'none'}"`;
    return `${what}="${cssColour(withAlpha(colour, 1))}"${this.opacity(`${what}-opacity`, colour[3])}`;
  }

  private opacity(name: string, alpha: number): string {
    const part = alpha * this.globalAlpha;
    return part >= 1 ? '' : ` ${name}="${number(part)}"`;
  }

  private write(name: string, attributes: string): void {
    this.elements.push(`<${name} ${attributes}/>`);
  }

  private open(attributes: string): void {
    this.elements.push(`<g ${attributes}>`);
    this.groups += 1;
  }

  private close(groups: number): void {
    for (let group = 0; group < groups; group++) this.elements.push('</g>');
  }
}

function box(x: number, y: number, width: number, height: number): string {
  return `x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"`;
}

/** Pixels, to a thousandth. */
function number(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

function sizeOf(image: CanvasImageSource): readonly [number, number] {
  const { width, height } = image as { readonly width: number; readonly height: number };
  return [width, height];
}

/** XML has no place for most control characters, not even escaped ones. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}
