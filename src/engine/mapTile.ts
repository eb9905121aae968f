/** Tiles of the attention map of an inspection. */

import { setImmediate } from 'node:timers/promises';

import type { MapTile, TileRef } from '../protocol/map';
import { Cancelled } from '../protocol/problem';
import { checkTile, poolTile } from './analysis/map';
import { type Inspection, ownMixer } from './inspection';

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
  const mixer = inspection.mixerOf({ layer, head, token: 0 });
  checkTile(ref, inspection.tokens);
  const serial = (asked.get(inspection) ?? 0) + 1;
  asked.set(inspection, serial);
  const own = ref.against ? await ownMixer(inspection.layers[layer]!, mixer) : mixer;
  return poolTile(ref, {
    memory: mixer.memory ?? 0,
    read: async query => ({
      row: await mixer.row(head, query),
      own: own === mixer ? undefined : await own.row(head, query),
    }),
    pause: async () => {
      await setImmediate();
      if (serial !== asked.get(inspection) || isClosed()) throw new Cancelled();
    },
  });
}
