/** Drawings as files: the theme's background, a line that says what they show, and the drawing. */

import type { Palette } from '../draw/palette';
import type { Context, Size } from '../draw/pen';
import { clipped, setFont } from '../draw/pen';
import type { Drawing } from '../surface';
import { SvgPen } from './svgPen';

const MARGIN = 12;
const CAPTION = 22;

/** Pixels of a PNG for one of the page. */
const RATIO = 2;

/** One below another. */
export function stacked(drawings: readonly Drawing[], gap = 8): Drawing {
  const width = Math.max(0, ...drawings.map(({ size }) => size.width));
  const height = drawings.reduce((sum, { size }) => sum + size.height + gap, -gap);
  return {
    size: { width, height: Math.max(0, height) },
    draw: (pen, _size, palette) => {
      let top = 0;
      for (const { size, draw } of drawings) {
        within(pen, 0, top, () => draw(pen, size, palette));
        top += size.height + gap;
      }
    },
  };
}

/** A PNG in base64, at twice the size it has on the page. */
export function pngOf(drawing: Drawing, caption: string, palette: Palette): string {
  const { width, height } = framed(drawing);
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(width * RATIO);
  canvas.height = Math.round(height * RATIO);
  const pen = canvas.getContext('2d');
  if (pen === null) throw new Error('The page has no canvas to draw on.');
  pen.scale(RATIO, RATIO);
  frame(pen, drawing, caption, palette);
  return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
}

export function svgOf(drawing: Drawing, caption: string, palette: Palette): string {
  const pen = new SvgPen({ measure, picture });
  frame(pen, drawing, caption, palette);
  return pen.document(framed(drawing), caption);
}

function framed({ size }: Drawing): Size {
  return { width: size.width + 2 * MARGIN, height: size.height + 2 * MARGIN + CAPTION };
}

function frame(pen: Context, drawing: Drawing, caption: string, palette: Palette): void {
  const { width, height } = framed(drawing);
  pen.fillStyle = palette.background;
  pen.fillRect(0, 0, width, height);
  within(pen, MARGIN, MARGIN, () => {
    setFont(pen, palette, 11);
    pen.fillStyle = palette.muted;
    pen.textAlign = 'left';
    pen.textBaseline = 'top';
    pen.fillText(clipped(pen, caption, drawing.size.width), 0, 0);
  });
  within(pen, MARGIN, MARGIN + CAPTION, () => drawing.draw(pen, drawing.size, palette));
}

/** Draws with its own origin, and leaves the pen as it was. */
export function within(pen: Context, x: number, y: number, draw: () => void): void {
  pen.save();
  pen.translate(x, y);
  draw();
  pen.restore();
}

let ruler: CanvasRenderingContext2D | null = null;

function measure(font: string, text: string): TextMetrics {
  ruler ??= document.createElement('canvas').getContext('2d');
  if (ruler === null) throw new Error('The page has no canvas to measure on.');
  ruler.font = font;
  return ruler.measureText(text);
}

function picture(image: CanvasImageSource, source: readonly number[]): string {
  const whole = image as { readonly width: number; readonly height: number };
  const [x = 0, y = 0, width = whole.width, height = whole.height] = source;
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  canvas.getContext('2d')?.drawImage(image, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/png');
}
