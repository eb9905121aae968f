/** What the panel is sent at 131,072 tokens, with a made-up document: bytes do not depend on the machine's speed. */

import assert from 'node:assert/strict';
import { openHarness } from '../../bench/panelHarness';

const TOKENS = 131_072;
const MOST_BYTES = 1e6;

describe('the panel of a long document', () => {
  let harness: Awaited<ReturnType<typeof openHarness>>;
  const complaints: string[] = [];

  before(async () => {
    harness = await openHarness(complaint => complaints.push(complaint));
  });
  after(() => harness.stage.close());

  for (const width of [320, 1400]) {
    it(`takes less than 1 MB at ${width} pixels, for the first view and for all`, async function () {
      this.timeout(180_000);
      const { stage, measure } = harness;
      const page = await stage.open({ width, n: TOKENS, theme: 'dark', scene: 'segmented' });
      const first = await measure.settled(page);
      assert.ok(first.asked.includes('rows') && first.asked.includes('series'), first.asked.join());
      assert.ok(first.bytes > 10_000 && first.bytes < MOST_BYTES, `${first.bytes} bytes`);
      await measure.visitAll(page);
      const all = await measure.settled(page);
      for (const call of ['map', 'dilution', 'structure', 'memory'])
        assert.ok(all.asked.includes(call), all.asked.join());
      assert.ok(!all.asked.includes('stats'), 'a statistic of every token was asked for');
      assert.ok(all.bytes < MOST_BYTES, `${all.bytes} bytes`);
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }
});
