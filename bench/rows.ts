/** `rows`: how long a row on demand takes against length, in a layer of the bundled model's shape. */

import { inChild } from './child';
import { figure, markdownTable } from './markdown';
import type { Options, Report } from './report';
import type { RowsInput, RowTimes } from './rowsTask';

const SIZES = [1024, 4096, 16_384, 65_536, 131_072];
const VARIANTS = ['dense', 'local', 'block-topk', 'linear'];

export async function rows({ sizes = SIZES, only = VARIANTS, say }: Options): Promise<Report> {
  const found: (RowTimes & { readonly variant: string })[] = [];
  for (const variant of only) {
    for (const tokens of sizes) {
      const input: RowsInput = { variant, tokens };
      found.push({ variant, ...(await inChild<RowTimes>({ kind: 'rows', input })) });
    }
    say(cells(variant).join('  '));
  }

  function cells(name: string): string[] {
    const own = found.filter(({ variant }) => variant === name);
    return [`\`${name}\``, ...own.map(({ p50, p95 }) => `${figure(p50)} / ${figure(p95)}`)];
  }

  return {
    name: 'rows',
    title: 'Rows on demand against length',
    text: [
      'Milliseconds, median and 95th percentile of 200 random rows asked one at a time and described as the panel ' +
        'shows them, in a layer of 6 heads of width 32 over 3 key-value heads of random numbers.',
      markdownTable(['variant', ...sizes.map(size => size.toLocaleString('en'))], only.map(cells)),
    ].join('\n\n'),
    data: found,
    plot: {
      x: 'tokens',
      y: 'milliseconds, 95th percentile',
      series: only.map(name => ({
        name,
        points: found
          .filter(({ variant }) => variant === name)
          .map(({ tokens, p95 }) => ({ x: tokens, y: p95 })),
      })),
    },
  };
}
