/** What the panel costs in a browser: bytes to the first view, memory, time to the next frame, frames a second. */

import { readFileSync } from 'node:fs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{ p50: number, p95: number, work: number, count: number }} Times milliseconds; `work` is the page's own, an event */

/** No call for so long: what is in view is complete. */
const QUIET_MS = 400;
const PATIENCE_MS = 30_000;
/** A key that is held down repeats about as often. */
const KEY_MS = 33;

/**
 * Waits until nothing more comes for what is in view.
 * @param {Page} page
 * @returns {Promise<{ bytes: number, asked: string[] }>} of all messages to the page so far
 */
export async function settled(page) {
  const began = Date.now();
  for (let before = -1, quiet = Date.now(); ;) {
    const { bytes, asked, open } = await page.evaluate(() => globalThis.traffic);
    if (bytes !== before || open > 0) quiet = Date.now();
    if (Date.now() - quiet >= QUIET_MS || Date.now() - began > PATIENCE_MS) return { bytes, asked };
    before = bytes;
    await page.waitForTimeout(50);
  }
}

/** @param {Page} page */
export async function visitAll(page) {
  for (const view of await page.locator('[data-view]:visible').all()) {
    await view.scrollIntoViewIfNeeded();
    await settled(page);
  }
  await page.evaluate(() => scrollTo(0, 0));
}

/**
 * @param {Page} page
 * @returns {Promise<{ heapMB: number, processMB: number | undefined }>} what scripts hold, and the page's process
 *   (undefined where the system does not say)
 */
export async function memoryOf(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  const browser = await page.context().browser()?.newBrowserCDPSession();
  const { processInfo = [] } = (await browser?.send('SystemInfo.getProcessInfo')) ?? {};
  await browser?.detach();
  const own = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => resident(id));
  const known = own.filter(size => size !== undefined);
  return {
    heapMB: usedSize / 2 ** 20,
    processMB: known.length === 0 ? undefined : Math.max(...known),
  };
}

/** @param {number} pid */
function resident(pid) {
  try {
    const [, kilobytes] = /^Rss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
  } catch {
    return undefined;
  }
}

/**
 * Notes for every event of a kind how long it takes until the next frame is drawn.
 * @param {Page} page
 * @param {string} kind
 * @param {() => Promise<void>} act
 * @returns {Promise<Times>}
 */
export async function timeToFrame(page, kind, act) {
  await page.evaluate(name => {
    const times = [];
    const note = event => {
      const began = event.timeStamp;
      requestAnimationFrame(() => {
        // Runs as soon as the frame is out of the way.
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => times.push(performance.now() - began);
        port2.postMessage(undefined);
      });
    };
    addEventListener(name, note, { capture: true, passive: true });
    globalThis.timing = { times, stop: () => removeEventListener(name, note, { capture: true }) };
  }, kind);
  const session = await page.context().newCDPSession(page);
  // Processor time of the page's main thread: what others do on the machine is not in it.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const worked = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1000 * (metrics.find(({ name: of }) => of === 'TaskDuration')?.value ?? Number.NaN);
  };
  const before = await worked();
  await act();
  await page.waitForTimeout(300);
  const work = (await worked()) - before;
  await session.detach();
  const times = await page.evaluate(() => {
    globalThis.timing.stop();
    return globalThis.timing.times;
  });
  return { p50: rank(times, 0.5), p95: rank(times, 0.95), work: work / times.length, count: times.length };
}

/** @param {number[]} values @param {number} share */
function rank(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** @param {Page} page @param {string} selector */
async function boxOf(page, selector) {
  const found = page.locator(selector).first();
  await found.scrollIntoViewIfNeeded();
  await settled(page);
  const box = await found.boundingBox();
  if (box === null) throw new Error(`There is no ${selector} on the page.`);
  return box;
}

const ROW = '[data-view="row"] .plot';
const RIBBON = '[data-view="ribbon"] [role="slider"]';
const MAP = '[data-view="map"] .plot.map';

/**
 * Each a way to work the panel, as a person would.
 * @type {Record<string, (page: Page) => Promise<Times>>}
 */
export const INTERACTIONS = {
  'select the next token': async page => {
    await page.locator(RIBBON).focus();
    return timeToFrame(page, 'keydown', () =>
      repeat(40, () => page.keyboard.press('ArrowRight', { delay: KEY_MS })),
    );
  },
  'drag along the ribbon': async page => {
    const box = await boxOf(page, RIBBON);
    await page.mouse.move(box.x + 20, box.y + 40);
    await page.mouse.down();
    const step = (box.width - 60) / 60;
    const times = await timeToFrame(page, 'pointermove', () =>
      repeat(60, at => page.mouse.move(box.x + 20 + at * step, box.y + 40)),
    );
    await page.mouse.up();
    return times;
  },
  'zoom the row by wheel': async page => {
    const box = await boxOf(page, ROW);
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60);
    await page.keyboard.down('Control');
    const times = await timeToFrame(page, 'wheel', async () => {
      await repeat(30, () => page.mouse.wheel(0, -12));
      await repeat(30, () => page.mouse.wheel(0, 12));
    });
    await page.keyboard.up('Control');
    return times;
  },
  'pan the ribbon by wheel': async page => {
    await page.locator(ROW).first().focus();
    await repeat(8, () => page.keyboard.press('+'));
    const box = await boxOf(page, RIBBON);
    await page.mouse.move(box.x + 80, box.y + 40);
    const times = await timeToFrame(page, 'wheel', () => repeat(60, () => page.mouse.wheel(24, 0)));
    await page.locator(ROW).first().focus();
    await page.keyboard.press('0');
    return times;
  },
  'pan the map by drag': async page => {
    const box = await boxOf(page, MAP);
    await page.locator(MAP).focus();
    await repeat(6, () => page.keyboard.press('+'));
    await settled(page);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    const times = await timeToFrame(page, 'pointermove', () =>
      repeat(60, at => page.mouse.move(x - at * 2, y - at)),
    );
    await page.mouse.up();
    await page.locator(MAP).focus();
    await page.keyboard.press('Escape');
    return times;
  },
};

/** @param {number} times @param {(at: number) => Promise<unknown>} act */
async function repeat(times, act) {
  for (let at = 0; at < times; at++) await act(at);
}

/**
 * Scrolls the page down and up for some seconds, as a wheel does.
 * @param {Page} page
 * @param {number} seconds
 * @returns {Promise<{ framesPerSecond: number, longestMs: number, seconds: number }>}
 */
export async function scrollFrames(page, seconds) {
  await page.evaluate(() => {
    const frames = [performance.now()];
    const counted = { frames, isOn: true };
    const tick = now => {
      frames.push(now);
      if (counted.isOn) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    globalThis.counted = counted;
  });
  const { width, height } = page.viewportSize() ?? { width: 320, height: 900 };
  await page.mouse.move(width / 2, height / 2);
  const until = Date.now() + seconds * 1000;
  for (let at = 0; Date.now() < until; at++) await page.mouse.wheel(0, at % 120 < 60 ? 40 : -40);
  const frames = await page.evaluate(() => {
    globalThis.counted.isOn = false;
    return globalThis.counted.frames;
  });
  const steps = frames.slice(1).map((time, at) => time - frames[at]);
  const took = (frames.at(-1) - frames[0]) / 1000;
  return { framesPerSecond: steps.length / took, longestMs: Math.max(...steps), seconds: took };
}
