/** What the engine keeps of one layer of an inspection. */

import type { StatName } from '../protocol/inspection';
import { type LayerAttention, sameAttention } from './schedule';
import type { Layer, Mixer } from './variants/primitives/mixer';

export interface LayerState {
  readonly layer: Layer;
  readonly attention: LayerAttention;
  /** The layer's attention as the model was made: what `attention` is held against. */
  readonly own: LayerAttention;
  /** Undefined until the layer's keys are complete and its plan is made. */
  mixer: Mixer | undefined;
  /** Of `own`; undefined until it is needed. */
  ownMixer: Mixer | undefined;
  /** Each `[H * N]`, token fastest; NaN where not yet computed. */
  readonly stats: Readonly<Record<StatName, Float32Array>>;
}

/** The mixer of the layer's own attention, which may be the variant's. */
export async function ownMixer(state: LayerState, mixer: Mixer): Promise<Mixer> {
  const { own, attention, layer } = state;
  if (sameAttention(own, attention)) return mixer;
  state.ownMixer ??= await own.variant.open(layer, own.choice.params);
  return state.ownMixer;
}
