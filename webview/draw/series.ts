/** Which of the pooled pieces of a statistic a view shows, in how wide cells. */

import type { Series } from '../../src/protocol/series';
import type { Range } from './axis';
import { stepFor } from './mapView';

/** Tokens `start … end - 1`; the values of one token where there is one. */
export interface SeriesCell {
  readonly start: number;
  readonly end: number;
  readonly low: number;
  readonly high: number;
  readonly mean: number;
}

/** Tokens a cell for about one cell a pixel. */
export function stepIn(range: Range, pixels: number): number {
  return stepFor(range.end - range.start, Math.max(1, Math.floor(pixels)));
}

/** The finest piece over all of a range. */
export function pieceOver(pieces: readonly Series[], range: Range): Series | undefined {
  const over = pieces.filter(({ tokens }) => tokens.start <= range.start && tokens.end >= range.end);
  return over.reduce<Series | undefined>(
    (best, piece) => (best === undefined || piece.step < best.step ? piece : best),
    undefined,
  );
}

/** The cells of a piece within a range, none narrower than about a pixel. */
export function cellsIn(piece: Series, range: Range, pixels: number): readonly SeriesCell[] {
  const { tokens, step } = piece;
  const together = Math.max(1, Math.ceil(stepIn(range, pixels) / step));
  const wide = step * together;
  const cells: SeriesCell[] = [];
  const first = Math.max(0, Math.floor((range.start - tokens.start) / wide));
  for (let start = tokens.start + first * wide; start < Math.min(range.end, tokens.end); start += wide) {
    cells.push(cellFrom(piece, (start - tokens.start) / step, together));
  }
  return cells;
}

/** The cell of a piece that holds a token, as wide as those that are drawn. */
export function cellOf(piece: Series, token: number, range: Range, pixels: number): SeriesCell {
  const { tokens, step } = piece;
  const together = Math.max(1, Math.ceil(stepIn(range, pixels) / step));
  const first = Math.floor((token - tokens.start) / (step * together)) * together;
  return cellFrom(piece, first, together);
}

function cellFrom({ tokens, step, low, high, mean }: Series, first: number, count: number): SeriesCell {
  const start = tokens.start + first * step;
  const end = Math.min(tokens.end, start + count * step);
  let [least, most, sum, known] = [Infinity, -Infinity, 0, 0];
  for (let at = first; at < Math.min(mean.length, first + count); at++) {
    if (!Number.isFinite(mean[at])) continue;
    least = Math.min(least, low[at]!);
    most = Math.max(most, high[at]!);
    sum += mean[at]!;
    known += 1;
  }
  if (known === 0) return { start, end, low: NaN, high: NaN, mean: NaN };
  return { start, end, low: least, high: most, mean: sum / known };
}

/** The value of one token; undefined where no piece has it by itself. */
export function valueAt(pieces: readonly Series[], token: number): number | undefined {
  const piece = pieces.find(({ step, tokens }) => step === 1 && tokens.start <= token && tokens.end > token);
  return piece?.mean[token - piece.tokens.start];
}
