/** A plot with logarithmic axes, as SVG that reads on light and on dark. */

import { scaleLog } from 'd3-scale';

export interface Plot {
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const WIDTH = 860;
const ROW = 16;
const MARGIN = { top: 36, right: 240, bottom: 48, left: 64 };

export function svgPlot(title: string, { x, y, series }: Plot): string {
  const known = series
    .map(({ name, points }) => ({ name, points: points.filter(point => point.x > 0 && point.y > 0) }))
    .filter(({ points }) => points.length > 0);
  const all = known.flatMap(({ points }) => points);
  const height = Math.max(420, known.length * ROW + MARGIN.top + MARGIN.bottom);
  const right = WIDTH - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const scaleX = scaleLog(extent(all.map(point => point.x)), [MARGIN.left, right]).base(2);
  const scaleY = scaleLog(extent(all.map(point => point.y)), [bottom, MARGIN.top]);
  const colour = (at: number) => `hsl(${Math.round((at * 137.5) % 360)} 60% 48%)`;
  const round = (value: number) => value.toFixed(1);

  const places = [...new Set(all.map(point => point.x))].sort((a, b) => a - b);
  const columns = places.map(
    tick =>
      `<line x1="${round(scaleX(tick))}" x2="${round(scaleX(tick))}" y1="${MARGIN.top}" y2="${bottom}" class="grid"/>` +
      `<text x="${round(scaleX(tick))}" y="${bottom + 16}" text-anchor="middle">${tick.toLocaleString('en')}</text>`,
  );
  const rows = scaleY
    .ticks(6)
    .filter(tick => Number.isInteger(Math.log10(tick) + 1e-9) || /^[125]/.test(tick.toExponential()))
    .map(
      tick =>
        `<line x1="${MARGIN.left}" x2="${right}" y1="${round(scaleY(tick))}" y2="${round(scaleY(tick))}" class="grid"/>` +
        `<text x="${MARGIN.left - 8}" y="${round(scaleY(tick) + 4)}" text-anchor="end">${tick}</text>`,
    );
  // A legend in the order in which the lines end needs the fewest looks to and fro.
  const order = known
    .map(({ points }, at) => ({ at, last: points.at(-1)!.y }))
    .sort((a, b) => b.last - a.last);
  const lines = known.map(({ points }, at) => {
    const path = points.map(
      (point, n) => `${n === 0 ? 'M' : 'L'}${round(scaleX(point.x))} ${round(scaleY(point.y))}`,
    );
    return `<path d="${path.join('')}" fill="none" stroke="${colour(at)}" stroke-width="1.5"/>`;
  });
  const legend = order.map(({ at }, row) => {
    const middle = MARGIN.top + (row + 0.5) * ROW;
    return (
      `<line x1="${right + 20}" x2="${right + 38}" y1="${middle}" y2="${middle}" stroke="${colour(at)}" stroke-width="3"/>` +
      `<text x="${right + 44}" y="${middle + 4}">${escaped(known[at]!.name)}</text>`
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">`,
    '<style>text { fill: #808080 } .grid { stroke: #80808040 }</style>',
    `<text x="${MARGIN.left}" y="20" font-size="14">${escaped(title)}</text>`,
    ...columns,
    ...rows,
    ...lines,
    ...legend,
    `<text x="${(MARGIN.left + right) / 2}" y="${height - 10}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(16 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
    '</svg>\n',
  ].join('\n');
}

function extent(values: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? [least / 2, most * 2] : [least, most];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
