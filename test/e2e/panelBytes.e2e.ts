/** What the panel is sent at 131,072 tokens, with a made-up document: bytes do not depend on the machine's speed. */

import assert from 'node:assert/strict';
import { openHarness, type Traffic } from '../../bench/panelHarness';

const TOKENS = 131_072;
const MOST_BYTES = 1e6;

/** Looks again while a busy machine has not come to these calls yet. */
async function withCalls(calls: readonly string[], look: () => Promise<Traffic>): Promise<Traffic> {
  for (let attempt = 0; ; attempt++) {
    const traffic = await look();
    const missing = calls.filter(call => !traffic.asked.includes(call));
    if (missing.length === 0) return traffic;
    assert.ok(
      attempt < 10,
      `the panel asked for ${traffic.asked.join(', ')}, and not for ${missing.join(', ')}`,
    );
  }
}

describe('the panel of a long document', () => {
  let harness: Awaited<ReturnType<typeof openHarness>>;
  const complaints: string[] = [];

  before(async () => {
    harness = await openHarness(complaint => complaints.push(complaint));
  });
  after(() => harness.stage.close());

  for (const width of [320, 1400]) {
    it(`takes less than 1 MB at ${width} pixels, for the first view and for all`, async function () {
      this.timeout(300_000);
      const { stage, measure } = harness;
      const page = await stage.open({ width, n: TOKENS, theme: 'dark', scene: 'segmented' });
      const first = await withCalls(['rows', 'series'], () => measure.settled(page));
      assert.ok(first.bytes > 10_000 && first.bytes < MOST_BYTES, `${first.bytes} bytes`);
      const all = await withCalls(['map', 'dilution', 'structure', 'memory'], async () => {
        await measure.visitAll(page);
        return measure.settled(page);
      });
      assert.ok(!all.asked.includes('stats'), 'a statistic of every token was asked for');
      assert.ok(all.bytes < MOST_BYTES, `${all.bytes} bytes`);
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }
});
