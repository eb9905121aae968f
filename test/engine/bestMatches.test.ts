import { afterAll, expect, it } from 'vitest';

import { createExecutor } from '../../src/engine/runtime/executor';
import { bestMatches } from '../../src/engine/variants/primitives/bestMatches';
import { drawn, seeded } from '../../src/engine/variants/primitives/seeded';

const executor = createExecutor('cpu');
afterAll(() => executor.release());

it('finds the best candidates where the score map is larger than its budget', async () => {
  const [streams, rows, features, many, count] = [2, 300, 4, 2 ** 14, 5];
  const { normal, below } = seeded(7);
  const queries = drawn([streams, rows, features], normal);
  const candidates = drawn([streams, many, features], normal);
  const limits = Array.from({ length: rows }, () => below(many));
  limits[200] = 3;

  const matches = await bestMatches({ executor, queries, candidates, limits, count });
  for (const stream of [0, 1]) {
    for (const row of [0, 127, 128, 200, 255, 256, 299]) {
      const scores = Array.from({ length: limits[row]! }, (_, c) => {
        const [q, k] = [(stream * rows + row) * features, (stream * many + c) * features];
        return [0, 1, 2, 3].reduce((sum, f) => sum + queries.data[q + f]! * candidates.data[k + f]!, 0);
      });
      const best = scores.map((_, c) => c).sort((a, b) => scores[b]! - scores[a]!);
      expect(Array.from(matches(stream, row))).toEqual(best.slice(0, count));
    }
  }
});
