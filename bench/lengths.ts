/**
 * `lengths`: whole inspections of long documents with the bundled model, through the engine as the editor
 * uses it, each in a process of its own.
 */

import type { VariantChoice } from '../src/protocol/inspection';
import { inChild } from './child';
import type { Inspected, InspectInput } from './inspectTask';
import { withTextFile } from './longText';
import { figure, markdownTable } from './markdown';
import type { Options, Report } from './report';

interface Run {
  readonly variant: VariantChoice;
  readonly tokens: number;
}

const DENSE: VariantChoice = { id: 'dense', params: {} };
const LOCAL: VariantChoice = { id: 'local', params: {} };
const LINEAR: VariantChoice = { id: 'linear', params: {} };

const RUNS: readonly Run[] = [
  ...[16_384, 32_768, 65_536, 131_072].map(tokens => ({ variant: DENSE, tokens })),
  ...[65_536, 262_144, 1_048_576].map(tokens => ({ variant: LOCAL, tokens })),
  ...[65_536, 262_144, 1_048_576].map(tokens => ({ variant: LINEAR, tokens })),
];

const ROWS = 40;

export async function lengths({ sizes, only, say }: Options): Promise<Report> {
  const wanted = RUNS.filter(
    ({ variant, tokens }) =>
      (sizes === undefined || sizes.includes(tokens)) &&
      (only === undefined || only.includes(variant.id) || only.includes(`${variant.id}:${tokens}`)),
  );
  const found: (Inspected & { readonly variant: string })[] = [];
  const failures: string[] = [];
  for (const { variant, tokens } of wanted) {
    try {
      const inspected = await withTextFile(tokens, file => {
        const input: InspectInput = { file, variant, rows: ROWS };
        return inChild<Inspected>({ kind: 'inspect', input });
      });
      found.push({ variant: variant.id, ...inspected });
      say(cells(found.at(-1)!).join('  '));
    } catch (error) {
      // The other lengths are worth having all the same.
      failures.push(`\`${variant.id}\`, ${tokens.toLocaleString('en')} tokens: ${String(error)}`);
      say(failures.at(-1)!);
    }
  }
  const header = [
    'variant',
    'tokens',
    'seconds',
    'processor seconds',
    'tokens/s',
    'peak MB',
    'loss',
    'first view, KB',
    'row p50, ms',
    'row p95, ms',
  ];
  return {
    name: 'lengths',
    title: 'Inspections of long documents',
    text: [
      'Documents of varied prose and code, inspected with the bundled model (4 layers, 6 heads) on the CPU: forward ' +
        'pass, statistics of every row, losses. Peak memory is that of the whole process. The first view is the ' +
        'overview, a pooled statistic and the dilution of a head, a row and the structure, serialised; rows are of ' +
        `${ROWS} random tokens, layers and heads, one at a time.`,
      markdownTable(header, found.map(cells)),
      ...failures,
    ].join('\n\n'),
    data: found,
    plot: {
      x: 'tokens',
      y: 'seconds',
      series: [...new Set(found.map(({ variant }) => variant))].map(name => ({
        name,
        points: found
          .filter(({ variant }) => variant === name)
          .map(({ tokens, seconds }) => ({ x: tokens, y: seconds })),
      })),
    },
  };
}

function cells(run: Inspected & { readonly variant: string }): string[] {
  const { variant, tokens, seconds, processorSeconds, megabytes, loss, viewBytes, rowMs } = run;
  return [
    `\`${variant}\``,
    tokens.toLocaleString('en'),
    figure(seconds),
    figure(processorSeconds),
    figure(tokens / seconds),
    figure(megabytes),
    loss === undefined ? '–' : loss.toFixed(2),
    figure(viewBytes / 1024),
    figure(rowMs.p50),
    figure(rowMs.p95),
  ];
}
