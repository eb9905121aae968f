/** Pools values of tokens to cells. */

import { cellsOf } from '../../protocol/map';
import { Problem } from '../../protocol/problem';
import {
  type Series,
  SERIES_CELLS,
  SERIES_GREATEST,
  type SeriesRef,
  type TokenValue,
} from '../../protocol/series';

/**
 * @param values `[N]`; NaN where not known.
 * @throws Problem for tokens outside the document, and for more cells than a series may have.
 */
export function seriesOf(values: Float32Array, ref: SeriesRef): Series {
  const { tokens, step } = ref;
  const { start, end } = tokens;
  const isWhole = [start, end, step, ref.greatest].every(Number.isInteger);
  if (!isWhole || start < 0 || start >= end || end > values.length || step < 1)
    throw new Problem(
      `A series is of whole tokens between 0 and ${values.length} and whole steps from 1 up, not of ${start} to ${end} by ${step}.`,
    );
  const cells = cellsOf(tokens, step);
  if (cells > SERIES_CELLS || ref.greatest < 0 || ref.greatest > SERIES_GREATEST)
    throw new Problem(
      `A series has at most ${SERIES_CELLS} cells and lists at most ${SERIES_GREATEST} tokens, not ${cells} and ${ref.greatest}; ask for fewer.`,
    );
  const unknown = () => new Float32Array(cells).fill(NaN);
  const [low, high, mean] = [unknown(), unknown(), unknown()];
  for (let cell = 0; cell < cells; cell++) {
    const first = start + cell * step;
    let sum = 0;
    let known = 0;
    let least = Infinity;
    let most = -Infinity;
    for (let token = first; token < Math.min(end, first + step); token++) {
      const value = values[token]!;
      if (!Number.isFinite(value)) continue;
      sum += value;
      known += 1;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    if (known === 0) continue;
    low[cell] = least;
    high[cell] = most;
    mean[cell] = sum / known;
  }
  return { ...ref, low, high, mean, greatest: greatest(values, ref.greatest) };
}

/** The `limit` greatest finite values, greatest first; ties by position. */
export function greatest(values: Float32Array, limit: number): readonly TokenValue[] {
  const best: TokenValue[] = [];
  if (limit === 0) return best;
  for (let token = 0; token < values.length; token++) {
    const value = values[token]!;
    if (!Number.isFinite(value)) continue;
    if (best.length === limit && value <= best[limit - 1]!.value) continue;
    let place = best.length;
    while (place > 0 && best[place - 1]!.value < value) place -= 1;
    best.splice(place, 0, { token, value });
    if (best.length > limit) best.pop();
  }
  return best;
}
