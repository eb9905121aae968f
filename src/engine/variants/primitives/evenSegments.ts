import type { Segments } from './segments';

/** At most `wanted` runs of nearly equal length: the first `N mod C` hold one token more than the others. */
export function evenSegments(wanted: number, tokens: number): Segments {
  const count = Math.min(wanted, tokens);
  const length = Math.floor(tokens / count);
  const longer = tokens % count;
  const starts = Int32Array.from({ length: count + 1 }, (_, c) => c * length + Math.min(c, longer));
  const of = new Int32Array(tokens);
  for (let c = 0; c < count; c++) of.fill(c, starts[c], starts[c + 1]);
  return { count, starts, of };
}
