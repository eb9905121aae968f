/** Variants laid over the queries, keys and values of a finished run, opened when a row asks for one. */

import type { VariantChoice } from '../protocol/inspection';
import { attention, facing, type LayerAttention, NATIVE } from './schedule';
import type { Layer, Mixer } from './variants/primitives/mixer';

/** How many stay open a layer; the one used longest ago goes first. */
const MOST = 3;

/**
 * What a choice means in a layer.
 *
 * @param own the layer's attention as the model was made: what `native` is.
 * @throws Problem for an unknown variant and parameters it does not take.
 */
export function laidOver(choice: VariantChoice, own: LayerAttention): LayerAttention {
  return choice.id === NATIVE.id ? own : attention(facing(choice, own));
}

export class Overlays {
  readonly #layers = new Map<number, Map<string, Promise<Mixer>>>();

  /** @throws Problem for a variant that cannot open on the layer. */
  open(layer: Layer, { variant, choice }: LayerAttention): Promise<Mixer> {
    const opened = this.#layers.get(layer.index) ?? new Map<string, Promise<Mixer>>();
    this.#layers.set(layer.index, opened);
    const key = JSON.stringify([
      choice.id,
      Object.entries(choice.params).sort(([a], [b]) => (a < b ? -1 : 1)),
    ]);
    const mixer = opened.get(key) ?? variant.open(layer, choice.params);
    opened.delete(key);
    opened.set(key, mixer);
    // One that fails is tried again the next time.
    mixer.catch(() => opened.delete(key));
    for (const oldest of opened.keys()) {
      if (opened.size <= MOST) break;
      opened.delete(oldest);
    }
    return mixer;
  }
}
