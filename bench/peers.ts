/** `peers`: attention shipped whole as JSON, as it is shown today, against an inspection and its first view. */

import { inChild } from './child';
import type { Inspected, InspectInput } from './inspectTask';
import { withTextFile } from './longText';
import { figure, markdownTable } from './markdown';
import type { Materialised } from './materialisedTask';
import type { Options, Report } from './report';

const SIZES = [256, 512, 1024, 2048, 3072, 4096];
/** Nobody waits longer for a page. */
const LIMIT_SECONDS = 240;

interface Pair {
  readonly tokens: number;
  /** Undefined where it did not finish in time. */
  readonly peer: Materialised | undefined;
  readonly own: Inspected;
}

export async function peers({ sizes = SIZES, say }: Options): Promise<Report> {
  const found: Pair[] = [];
  for (const tokens of sizes) {
    const peer = await inChild<Materialised>({ kind: 'materialise', input: { tokens } }, LIMIT_SECONDS).catch(
      (error: unknown) => {
        say(error instanceof Error ? error.message : String(error));
        return undefined;
      },
    );
    const own = await withTextFile(tokens, file => {
      const input: InspectInput = { file, variant: { id: 'dense', params: {} }, rows: 20 };
      return inChild<Inspected>({ kind: 'inspect', input });
    });
    found.push({ tokens, peer, own });
    say(cells(found.at(-1)!).join('  '));
  }
  const header = [
    'tokens',
    'JSON, s',
    'JSON, MB',
    'inspection and first view, s',
    'first view, MB',
    'times faster',
    'times smaller',
  ];
  return {
    name: 'peers',
    title: 'Shipping every weight against an inspection',
    text: [
      'The bundled model (4 layers, 6 heads) on the CPU. The way it is done today: `softmax(q kᵀ)` of every layer and ' +
        'head as one array, written as JSON for a page (time until the JSON is in hand; no drawing), ended ' +
        `after ${LIMIT_SECONDS} s. Longsight: the ` +
        'whole inspection, and everything that the first view of a head shows, serialised. Each in a process of its own; ' +
        'an inspection loads its programs within its time, the other has them loaded.',
      markdownTable(header, found.map(cells)),
    ].join('\n\n'),
    data: found,
    plot: {
      x: 'tokens',
      y: 'megabytes to the first view',
      series: [
        {
          name: 'every weight as JSON',
          points: found.map(({ tokens, peer }) => ({ x: tokens, y: (peer?.bytes ?? NaN) / 1e6 })),
        },
        { name: 'first view', points: found.map(({ own }) => ({ x: own.tokens, y: own.viewBytes / 1e6 })) },
      ],
    },
  };
}

function cells({ tokens, peer, own }: Pair): string[] {
  const seconds = own.seconds + own.viewMs / 1000;
  const { seconds: peerSeconds = NaN, bytes = NaN } = peer ?? {};
  return [
    tokens.toLocaleString('en'),
    peer === undefined ? 'not finished' : figure(peerSeconds),
    figure(bytes / 1e6),
    figure(seconds),
    figure(own.viewBytes / 1e6),
    figure(peerSeconds / seconds),
    figure(bytes / own.viewBytes),
  ];
}
