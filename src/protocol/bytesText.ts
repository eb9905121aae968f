/** Amounts of memory in words, as every program shows them. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Three figures in decimal units, such as `512 B`, `1.05 kB` or `73.4 MB`; a dash where it is not known. */
export function describeBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–';
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(3))} ${UNITS[unit]}`;
}
