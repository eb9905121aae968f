/** `panel`: what the panel costs in a headless browser, with a made-up document in the place of an engine. */

import { cpus, loadavg } from 'node:os';

import { figure, markdownTable } from './markdown';
import { type Frames, type Memory, openHarness, type Times } from './panelHarness';
import type { Options, Report } from './report';

const SIZES = [4096, 131_072, 1_048_576];
const WIDTHS = [320, 1400];
const SECONDS = 5;

interface PanelCost {
  readonly tokens: number;
  readonly width: number;
  /** Of the messages until the first view is complete, and until all views are. */
  readonly firstBytes: number;
  readonly allBytes: number;
  readonly memory: Memory;
  readonly interactions: Readonly<Record<string, Times>>;
  readonly scrolling: Frames;
}

export async function panel({ sizes = SIZES, only = [], say }: Options): Promise<Report> {
  const { stage, measure } = await openHarness(complaint => {
    throw new Error(`The panel complained: ${complaint}`);
  });
  const chosen = Object.entries(measure.INTERACTIONS).filter(
    ([name]) => only.length === 0 || only.includes(name),
  );
  const found: PanelCost[] = [];
  try {
    for (const tokens of sizes) {
      for (const width of WIDTHS) {
        const page = await stage.open({ width, n: tokens, theme: 'dark', scene: 'segmented', scale: 1 });
        const { bytes: firstBytes } = await measure.settled(page);
        await measure.visitAll(page);
        const { bytes: allBytes } = await measure.settled(page);
        const memory = await measure.memoryOf(page);
        const interactions: Record<string, Times> = {};
        for (const [name, act] of chosen) interactions[name] = await act(page);
        const scrolling = await measure.scrollFrames(page, SECONDS);
        found.push({ tokens, width, firstBytes, allBytes, memory, interactions, scrolling });
        say(costCells(found.at(-1)!).join('  '));
        await page.close();
      }
    }
  } finally {
    await stage.close();
  }
  return reportOf(found);
}

function reportOf(found: readonly PanelCost[]): Report {
  const names = Object.keys(found[0]?.interactions ?? {});
  return {
    name: 'panel',
    title: 'The panel in a browser',
    text: [
      'The panel in headless Chromium, drawn by the processor at one device pixel a pixel, 900 pixels high. A made-up ' +
        'document, variant and host run in the same page, whose work is in every figure but the bytes. The first view ' +
        'is what is in the window when the panel opens; bytes are those of the messages to the page, arrays as they ' +
        'are and the rest as JSON. Heap is what scripts hold after every view was visited, the host included; process ' +
        `is the resident memory of the page's process. Frames are counted over ${SECONDS} s of scrolling by wheel.`,
      markdownTable(
        [
          'tokens',
          'width',
          'first view, kB',
          'all views, kB',
          'heap, MB',
          'process, MB',
          'frames/s',
          'longest, ms',
        ],
        found.map(costCells),
      ),
      `Times to the next frame grow with what else runs on the machine: its load average was ${figure(loadavg()[0]!)} ` +
        `on ${cpus().length} cores at the end.`,
      'Milliseconds from an event to the next frame, median / 95th percentile, and in brackets the processor time of ' +
        "the page's main thread an event, which other work on the machine changes little:",
      markdownTable(
        ['tokens', 'width', ...names],
        found.map(({ tokens, width, interactions }) => [
          tokens.toLocaleString('en'),
          String(width),
          ...names.map(name => {
            const { p50, p95, work } = interactions[name]!;
            return `${figure(p50)} / ${figure(p95)} (${figure(work)})`;
          }),
        ]),
      ),
    ].join('\n\n'),
    data: found,
    plot: {
      x: 'tokens',
      y: 'bytes until the first view is complete',
      series: WIDTHS.map(width => ({
        name: `${width} pixels wide`,
        points: found
          .filter(cost => cost.width === width)
          .map(({ tokens, firstBytes }) => ({ x: tokens, y: firstBytes })),
      })),
    },
  };
}

function costCells({ tokens, width, firstBytes, allBytes, memory, scrolling }: PanelCost): string[] {
  return [
    tokens.toLocaleString('en'),
    String(width),
    figure(firstBytes / 1000),
    figure(allBytes / 1000),
    figure(memory.heapMB),
    memory.processMB === undefined ? '–' : figure(memory.processMB),
    figure(scrolling.framesPerSecond),
    figure(scrolling.longestMs),
  ];
}
