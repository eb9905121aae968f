/** `inspection`: what an inspection costs over a plain forward pass with fused attention, in one run. */

import { inChild } from './child';
import type { Compared } from './inspectionTask';
import { figure, markdownTable } from './markdown';
import type { Options, Report } from './report';

const SIZES = [2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

export async function inspection({ sizes = SIZES, say }: Options): Promise<Report> {
  const found: Compared[] = [];
  for (const tokens of sizes) {
    found.push(await inChild<Compared>({ kind: 'inspection', input: { tokens } }));
    say(cells(found.at(-1)!).join('  '));
  }
  const header = ['tokens', 'plain forward, s', 'inspection, s', 'ratio', 'ratio of processor time'];
  return {
    name: 'inspection',
    title: 'Inspection against a plain forward pass',
    text: [
      'The bundled model on the CPU over the same document, in turns in one process: a forward pass of all layers ' +
        "with ONNX Runtime's fused attention (`com.microsoft.GroupQueryAttention`, 1,024 queries at a time, with " +
        'the logits of every token), and an inspection with `dense`: tokeniser, forward pass, exact statistics of every row, losses ' +
        'and predictions. Short turns are the fastest of up to five.',
      markdownTable(header, found.map(cells)),
    ].join('\n\n'),
    data: found,
    plot: {
      x: 'tokens',
      y: 'seconds',
      series: [
        { name: 'inspection', points: found.map(({ tokens, inspectionSeconds: y }) => ({ x: tokens, y })) },
        { name: 'plain forward', points: found.map(({ tokens, forwardSeconds: y }) => ({ x: tokens, y })) },
      ],
    },
  };
}

function cells(found: Compared): string[] {
  return [
    found.tokens.toLocaleString('en'),
    figure(found.forwardSeconds),
    figure(found.inspectionSeconds),
    figure(found.inspectionSeconds / found.forwardSeconds),
    figure(found.inspectionProcessorSeconds / found.forwardProcessorSeconds),
  ];
}
