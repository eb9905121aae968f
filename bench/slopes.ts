/**
 * `slopes`: time and memory of every variant against length, over random q, k and v of one head, each point
 * in a process of its own. The exponent is the least-squares slope of the logarithms. Processor seconds are
 * what it is taken from, since they hardly depend on what else the machine does.
 */

import { type Claim, claimName, CLAIMS } from './claims';
import { inChild } from './child';
import { figure, markdownTable } from './markdown';
import type { Options, Report } from './report';
import { slope } from './slope';
import type { SlopeInput, SlopePoint } from './slopeTask';

const SIZES = [4096, 8192, 16384, 32768, 65536];
const WIDTH = 32;
/** How far a slope may lie from its claim. */
const TOLERANCE = 0.2;

interface Line {
  readonly name: string;
  readonly id: string;
  readonly cost: string;
  readonly note: string | undefined;
  readonly points: readonly SlopePoint[];
  readonly claimed: number;
  readonly time: number;
  readonly memory: number;
  readonly timeWithin: boolean;
  /** Memory is to grow no faster than linearly. */
  readonly memoryWithin: boolean;
}

export async function slopes({ sizes = SIZES, only, heads = 1, say }: Options): Promise<Report> {
  const chosen = CLAIMS.filter(
    claim => only === undefined || [claim.id, claimName(claim)].some(name => only.includes(name)),
  );
  const lines: Line[] = [];
  const failures: string[] = [];
  for (const claim of chosen) {
    const points: SlopePoint[] = [];
    for (const tokens of sizes) {
      const input: SlopeInput = { name: claimName(claim), tokens, heads, width: WIDTH };
      try {
        points.push(await inChild<SlopePoint>({ kind: 'slope', input }));
      } catch (error) {
        // The other lines are worth having all the same; this one shows that it fails.
        failures.push(`\`${claimName(claim)}\`, ${tokens.toLocaleString('en')} tokens: ${String(error)}`);
        say(failures.at(-1)!);
        break;
      }
    }
    if (points.length < sizes.length) continue;
    const line = lineOf(claim, points);
    lines.push(line);
    say(cellsOf(line).join('  '));
  }
  return {
    name: 'slopes',
    title: 'Cost of the variants against length',
    text: [
      `One layer of ${heads} ${heads === 1 ? 'head' : 'heads'} of width ${WIDTH} over random q, k and v. Seconds of the ` +
        'processor, plan included, and peak memory beyond an idle process, inputs included, each point in a process of its own after a ' +
        'short warm-up; where a run takes little time it is the least of up to five. Exponents are least-squares slopes of the logarithms; the claimed one is the growth of the ' +
        'cost over the same lengths. A time is within its claim when the two differ by 0.2 at most; memory is ' +
        'when it grows no faster than linearly, by the same margin. Points with ≈ attend 24 blocks, evenly ' +
        'spaced, for all.',
      table(lines, sizes),
      notes(lines),
      ...failures,
    ].join('\n\n'),
    data: lines,
    plot: {
      x: 'tokens',
      y: 'processor seconds',
      series: lines.map(({ name, points }) => ({
        name,
        points: points.map(({ tokens, processorSeconds }) => ({ x: tokens, y: processorSeconds })),
      })),
    },
  };
}

function lineOf(claim: Claim, points: readonly SlopePoint[]): Line {
  const of = (value: (point: SlopePoint) => number) =>
    slope(points.map(point => ({ tokens: point.tokens, value: value(point) })));
  const claimed = of(({ tokens }) => claim.count(tokens));
  const time = of(({ processorSeconds }) => processorSeconds);
  const memory = of(({ megabytes }) => megabytes);
  return {
    name: claimName(claim),
    id: claim.id,
    cost: claim.cost,
    note: claim.note,
    points,
    claimed,
    time,
    memory,
    timeWithin: Math.abs(time - claimed) <= TOLERANCE,
    memoryWithin: memory <= 1 + TOLERANCE,
  };
}

function cellsOf(line: Line): string[] {
  const { name, cost, points, claimed, time, memory } = line;
  const verdict = line.timeWithin ? 'yes' : time < claimed ? 'below' : '**above**';
  return [
    `\`${name}\``,
    cost,
    ...points.map(
      ({ processorSeconds, megabytes, blocks, measuredBlocks }) =>
        `${measuredBlocks < blocks ? '≈' : ''}${figure(processorSeconds)} s, ${figure(megabytes)} MB`,
    ),
    claimed.toFixed(2),
    time.toFixed(2),
    verdict,
    memory.toFixed(2),
    line.memoryWithin ? 'yes' : '**no**',
  ];
}

function table(lines: readonly Line[], sizes: readonly number[]): string {
  const header = [
    ...['variant', 'cost'],
    ...sizes.map(size => size.toLocaleString('en')),
    ...['claimed', 'time', 'within', 'memory', 'at most linear'],
  ];
  return markdownTable(header, lines.map(cellsOf));
}

function notes(lines: readonly Line[]): string {
  return lines
    .filter(({ note }) => note !== undefined)
    .map(({ name, note }) => `- \`${name}\`: ${note ?? ''}.`)
    .join('\n');
}
