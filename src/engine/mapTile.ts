/** Tiles of the attention map of an inspection. */

import { setImmediate } from 'node:timers/promises';

import type { MapTile, TileRef } from '../protocol/map';
import { Cancelled } from '../protocol/problem';
import { checkTile, poolTile } from './analysis/map';
import { pooledTile, type PooledSource } from './analysis/pooledTile';
import type { Inspection } from './inspection';
import { ownMixer } from './layerState';
import type { Mixer } from './variants/primitives/mixer';

/** How many tiles were asked for: the newest ends those before it. */
const asked = new WeakMap<Inspection, number>();

/**
 * @param isClosed whether nobody waits for the inspection's answers any more.
 * @throws Cancelled when that is so, or a newer tile is asked for.
 */
export async function mapTile(
  inspection: Inspection,
  ref: TileRef,
  isClosed: () => boolean,
): Promise<MapTile> {
  const { layer, head } = ref;
  const first = { layer, head, token: 0 };
  const mixer = inspection.mixerOf(first);
  checkTile(ref, inspection.tokens);
  const serial = (asked.get(inspection) ?? 0) + 1;
  asked.set(inspection, serial);
  await inspection.open(first);
  const against = ref.against ? await ownMixer(inspection.layers[layer]!, mixer) : mixer;
  return tileOf(ref, mixer, against === mixer ? undefined : against, async () => {
    await setImmediate();
    if (serial !== asked.get(inspection) || isClosed()) throw new Cancelled();
  });
}

/**
 * @param own the layer's own attention; undefined where nothing is held against the mixer.
 * @param pause awaited between runs of some tens of milliseconds; may throw.
 */
export async function tileOf(
  ref: TileRef,
  mixer: Mixer,
  own: Mixer | undefined,
  pause: () => Promise<void>,
): Promise<MapTile> {
  const source = pooledSource(ref, mixer, own);
  if (source !== undefined) return pooledTile(ref, { ...source, pause });
  return poolTile(ref, {
    memory: mixer.memory ?? 0,
    read: async query => ({
      row: await mixer.row(ref.head, query),
      own: await own?.row(ref.head, query),
    }),
    pause,
  });
}

/** Undefined where rows have to be read one by one. */
function pooledSource(
  { head, keys, keyStep: step }: TileRef,
  { pooled, admission, memory = 0 }: Mixer,
  own: Mixer | undefined,
): Omit<PooledSource, 'pause'> | undefined {
  if (pooled === undefined || memory > 0) return undefined;
  const counts = own !== undefined;
  const shared = { head, keys, step };
  const variant = (queries: readonly number[]) => pooled({ ...shared, queries, counts, beside: undefined });
  if (own === undefined) return { variant, own };
  const { pooled: ownPooled } = own;
  if (ownPooled === undefined || admission === undefined) return undefined;
  return {
    variant,
    own: queries => ownPooled({ ...shared, queries, counts: false, beside: admission }),
  };
}
