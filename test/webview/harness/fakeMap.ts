/** Maps of the made-up heads: rows with as many entries as a page can make at once. */

import type { MapRow } from '../../../src/engine/analysis/map';
import { checkTile, poolTile } from '../../../src/engine/analysis/map';
import type { MapTile, TileRef } from '../../../src/protocol/map';
import { noise } from './fakeDocument';

/** Keys right behind the query that every row has; further ones are thinned out. */
const NEAR = 300;
const FAR = 300;

/** Which keys the scene's variant admits; undefined where it is the dense one. */
export function admits(scene: string, total: number): ((query: number, key: number) => boolean) | undefined {
  const segment = Math.max(16, Math.ceil(total / 12));
  switch (scene) {
    case 'dense':
      return undefined;
    case 'local':
      return (query, key) => query - key < Math.max(24, total / 40) || key < 4;
    case 'lsh':
      return (query, key) =>
        noise(Math.floor(query / 5), 3) * 6 - noise(Math.floor(key / 5), 3) * 6 < 1 &&
        (query + key) % 3 !== 0;
    default:
      return (query, key) => Math.floor(query / segment) === Math.floor(key / segment) || key % segment === 0;
  }
}

/** Habits that a reader knows from real heads: the sink, what is near, a few words that are returned to. */
function denseRow({ layer, head }: TileRef, query: number): { keys: number[]; weights: number[] } {
  const keys: number[] = [];
  const weights: number[] = [];
  const step = Math.max(1, Math.floor((query - NEAR) / FAR));
  let sum = 0;
  for (let key = 0; key <= query;) {
    const back = query - key;
    const reach = 4 * 4 ** ((layer + head) % 4);
    const word = noise(Math.floor(key / 3), layer, 5) < 0.02 ? 0.04 + 0.1 * noise(key, query) ** 4 : 0;
    const sink = key < 4 ? 0.9 / (1 + key * 3) : 0;
    const weight = Math.exp(-back / reach) * (0.1 + noise(head, key, query) ** 4) + word + sink + 2e-6;
    keys.push(key);
    weights.push(weight);
    sum += weight;
    key += back > NEAR && key >= 4 ? Math.min(step, back - NEAR) : 1;
  }
  return { keys, weights: weights.map(weight => weight / sum) };
}

function rowOf(ref: TileRef, query: number, isIn: ReturnType<typeof admits>): MapRow {
  const { keys, weights } = denseRow(ref, query);
  const own = { keys: Int32Array.from(keys), weights: Float32Array.from(weights) };
  if (isIn === undefined) return { row: own, own: undefined };
  const kept = keys.map((key, at) => (isIn(query, key) ? at : -1)).filter(at => at >= 0);
  const sum = kept.reduce((all, at) => all + weights[at]!, 0);
  const row = {
    keys: Int32Array.from(kept, at => keys[at]!),
    weights: Float32Array.from(kept, at => weights[at]! / sum),
  };
  return { row, own: ref.against ? own : undefined };
}

/** How long the page computes rows before it draws again. */
const BREATH_MS = 4;
let breathed = 0;

async function breath(): Promise<void> {
  if (performance.now() - breathed < BREATH_MS) return;
  await new Promise(resolve => setTimeout(resolve));
  breathed = performance.now();
}

export async function fakeMap(ref: TileRef, total: number, scene: string): Promise<MapTile> {
  checkTile(ref, total);
  const isIn = admits(scene, total);
  return poolTile(ref, {
    memory: 0,
    read: query => Promise.resolve(rowOf(ref, query, isIn)),
    pause: breath,
  });
}
