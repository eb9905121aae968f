/** The answer to a question for a row: of the run, or of a variant laid over its queries, keys and values. */

import type { RowRequest } from '../protocol/engine';
import type { Row, VariantChoice } from '../protocol/inspection';
import { againstDense } from './analysis/against';
import { besideRun } from './analysis/besideRun';
import { describeRow } from './analysis/row';
import { type LayerState, ownMixer } from './layerState';
import { laidOver, type Overlays } from './overlays';
import { type LayerAttention, sameAttention } from './schedule';
import type { Mixer, MixerRow } from './variants/primitives/mixer';

interface Sources {
  /** What the layer attends with in the run. */
  readonly run: Mixer;
  /** `N` */
  readonly tokens: number;
  /** Of the inspection that the layer belongs to. */
  readonly overlays: Overlays;
}

/** @throws Problem for a variant that cannot open on the layer. */
export async function answerRow(
  state: LayerState,
  { layer, head, token, top, profile, against, variant }: Omit<RowRequest, 'id'>,
  { run, tokens, overlays }: Sources,
): Promise<Row> {
  const { mixer, attention } = await laid(variant, state, { run, overlays });
  const row = await mixer.row(head, token);
  const options = { layer, head, token, tokens };
  const { distribution } = attention.variant;
  const plain = describeRow(row, { ...options, top, profile, distribution });
  const described =
    variant === undefined ? plain : { ...plain, beside: await besideOf(row, mixer, run, { head, token }) };
  const own = against ? await ownMixer(state, run) : mixer;
  if (own === mixer) return described;
  const dense = await own.row(head, token);
  const beside = describeRow(dense, {
    ...options,
    top: 0,
    profile: 0,
    distribution: state.own.variant.distribution,
  });
  const { q, v } = state.layer;
  const group = Math.floor((head * v.shape[0]!) / q.shape[0]!);
  const values = { row: mixer.valuesOf?.(token) ?? v, dense: own.valuesOf?.(token) ?? v };
  const memory = mixer.memory ?? 0;
  return { ...described, against: againstDense({ row, dense }, beside, values, group, memory) };
}

async function laid(
  choice: VariantChoice | undefined,
  state: LayerState,
  { run, overlays }: Omit<Sources, 'tokens'>,
): Promise<{ readonly mixer: Mixer; readonly attention: LayerAttention }> {
  if (choice === undefined) return { mixer: run, attention: state.attention };
  const attention = laidOver(choice, state.own);
  if (sameAttention(attention, state.attention)) return { mixer: run, attention };
  const mixer = sameAttention(attention, state.own)
    ? await ownMixer(state, run)
    : await overlays.open(state.layer, attention);
  return { mixer, attention };
}

async function besideOf(row: MixerRow, mixer: Mixer, run: Mixer, of: Pick<RowRequest, 'head' | 'token'>) {
  const memories = { row: mixer.memory ?? 0, run: run.memory ?? 0 };
  return besideRun({ row, run: await run.row(of.head, of.token) }, memories);
}
