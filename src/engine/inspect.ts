/**
 * The pipeline: load, tokenise, then layer by layer run the model over the document in blocks, with the
 * chosen variant as its attention. Each layer's queries, keys and values stay, so that any row can be
 * asked for later; memory grows with the document's length and never with its square.
 */

import { realpath } from 'node:fs/promises';

import type { InspectRequest } from '../protocol/engine';
import { STAT_NAMES } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import { attendLayer, type Sampled, sampleStats } from './attention';
import type { Opening } from './exported/exported';
import { forwardPass } from './forward';
import { globalNotes, globalTokens } from './globalTokens';
import { Inspection } from './inspection';
import { type LayerState, ownMixer } from './layerState';
import { type Checkpoint, openCheckpoint } from './model/checkpoint';
import { decoder as decoderOf } from './model/decoder';
import { byteKind } from './model/int8Product';
import { openReady } from './models';
import type { Pass } from './pass';
import type { ReadyModel } from './ready';
import { copyStats, keptTokens } from './reuse';
import type { OpenDevice } from './runtime/device';
import { chosenVariant, nativeAttention, scheduleLayers, standIns } from './schedule';
import { readSource } from './source';
import type { Layer } from './variants/primitives/mixer';
import { type Costs, Workload } from './workload';

export interface Hooks {
  /** The fraction of the work done, 0 to 1, never falling. */
  progress(fraction: number, phase: string): void;
  cancelled(): boolean;
}

/** An inspection that is ready to run. */
export interface Prepared {
  readonly inspection: Inspection;
  /** The model whose layers are there already; undefined for a checkpoint. */
  readonly ready: ReadyModel | undefined;
}

const INT8_NOTE =
  'The weights of the layers are 8-bit: the numbers are near those of the model, not equal to them.';

const NOT_INT8_NOTE =
  'The numbers are those of the file as it is: 8-bit weights are made of checkpoint folders alone.';

const HALF_NOTE =
  'Keys and values that stay on the device are float16, and so are products of queries with them: the numbers are near those of float32, not equal to them. What a variant makes of keys beforehand, and rows on demand, are float32. Speed and results of float16 on real GPUs are unmeasured.';

/** Everything up to the first layer's attention. @throws Problem for input that cannot be inspected. */
export async function prepare(
  request: InspectRequest,
  device: OpenDevice,
  opening: Opening,
): Promise<Prepared> {
  const ready = await openReady(request, opening);
  const { subject, notes } =
    ready === undefined ? await ofCheckpoint(request, device) : ofReady(ready, request);
  const { own } = subject;
  const variant = request.variant.id === 'native' && ready?.choice ? ready.choice : request.variant;
  const layers = scheduleLayers({ variant, schedule: request.schedule }, own);
  const inspection = new Inspection({
    weights: 'float',
    ...subject,
    globals: globalTokens(request.globalTokens, subject.source.table.ids.length),
    id: request.id,
    choice: chosenVariant(variant, own),
    schedule: request.schedule,
    layers,
    device: device.info,
    store: opening.store,
    logits: request.logits,
  });
  const precise = device.info.precision === 'float16' ? [HALF_NOTE] : [];
  inspection.note([...notes, ...precise, ...globalNotes(request, subject.decoder, [...own, ...layers])]);
  return { inspection, ready };
}

async function ofCheckpoint(request: InspectRequest, { executor }: OpenDevice) {
  const checkpoint = await openCheckpoint(request.model);
  await checkTarget(request.logits, checkpoint);
  const weights = request.weights ?? 'float';
  const decoder = decoderOf(checkpoint, weights === 'float' ? 'float' : await byteKind(executor));
  const { info: model, score } = decoder;
  const own = Array.from({ length: model.layers }, (_, layer) => nativeAttention(decoder.attention(layer)));
  // Told before the document is read: a wrong variant is the smaller thing to mend.
  scheduleLayers(request, own);
  const source = await readSource(request, checkpoint.directory, model.vocabulary);
  const notes = [];
  if (source.table.ids.length > model.context) {
    notes.push(`The document is longer than the model's context of ${model.context} tokens.`);
  }
  if (score === undefined) notes.push('The model does not predict the next token: it has no loss.');
  if (weights === 'int8') notes.push(INT8_NOTE);
  return { subject: { model, decoder, stamp: checkpoint.stamp, own, source, weights }, notes };
}

/** @throws Problem where what is written would take the place of the weights. */
async function checkTarget(logits: string | undefined, { tensors }: Checkpoint): Promise<void> {
  if (logits === undefined) return;
  const real = await realpath(logits).catch(() => undefined);
  if (![...tensors.values()].some(({ file }) => file === real)) return;
  throw new Problem(`${logits} holds the weights of the model; choose another file for the logits.`);
}

function ofReady(
  { info: model, source, stamp, own, notes }: ReadyModel,
  { weights }: Pick<InspectRequest, 'weights'>,
) {
  return {
    subject: { model, decoder: undefined, stamp, own: own.map(nativeAttention), source },
    notes: weights === 'int8' ? [...notes, NOT_INT8_NOTE] : notes,
  };
}

/**
 * @param earlier an inspection whose leading tokens are taken over where they are the same.
 * @throws Cancelled soon after `hooks.cancelled()` turns true.
 */
export async function run(
  { inspection, ready }: Prepared,
  { executor }: Pick<Layer, 'executor'>,
  hooks: Hooks,
  earlier?: Inspection,
): Promise<void> {
  const { tokens, subject } = inspection;
  const kept = keptTokens(inspection, earlier);
  inspection.kept = kept;
  const workload = new Workload({ start: kept, end: tokens }, costsOf(inspection, ready), hooks);
  const { decoder } = subject;
  const pass: Pass =
    decoder === undefined
      ? readyPass(inspection, ready!, executor)
      : await forwardPass(inspection, decoder, { executor, workload, kept, earlier });
  for (let index = 0; index < subject.model.layers; index++) {
    const state = layerState(inspection, await pass.layer(index));
    if (kept > 0) copyStats(state, earlier!.layers[index]!, kept);
    const mixer = await state.attention.variant.open(state.layer, state.attention.choice.params);
    const own = subject.schedule.mode === 'shadow' ? await ownMixer(state, mixer) : undefined;
    state.mixer = mixer;
    inspection.layers.push(state);
    inspection.note(standIns(state.attention.variant.info, state.layer.tensors));
    const mixers = own === undefined || own === mixer ? [mixer] : [mixer, own];
    workload.planned(mixers);
    await attendLayer(state, { mixer, own, from: pass.first(index) }, async (block, y) => {
      await pass.feed(index, block, y);
      await workload.attended(block, index, mixers);
    });
    const sampled = await sampleStats(state, { mixer, own }, () => workload.pause());
    if (sampled !== undefined && sampled.tokens < tokens) inspection.note([sampledNote(state, sampled)]);
    await subject.store.settle();
  }
  await pass.finish();
  inspection.finish();
  // The sum of the parts may fall short of one by a rounding.
  hooks.progress(1, 'Done');
}

/** The layers are there already, and nothing comes of their outputs. */
function readyPass(inspection: Inspection, ready: ReadyModel, executor: Layer['executor']): Pass {
  return {
    async layer(index) {
      const layer = await ready.layer(index);
      return { ...layer, units: layer.units ?? inspection.units, executor };
    },
    first: () => 0,
    feed: () => Promise.resolve(),
    async finish() {
      if (ready.scores === undefined) return;
      inspection.losses.set(ready.scores.losses);
      inspection.predictions.set(ready.scores.predictions);
      inspection.logProbabilities.set(ready.scores.logProbabilities);
    },
  };
}

function costsOf({ subject }: Inspection, ready: ReadyModel | undefined): Costs {
  const { model, decoder } = subject;
  const spent = ready?.work ?? 0;
  if (decoder === undefined) return { info: model, layerCost: 0, headCost: 0, spent };
  const { layerCost, hidden, score } = decoder;
  return { info: model, layerCost, headCost: score === undefined ? 0 : hidden * model.vocabulary, spent };
}

function layerState({ subject }: Inspection, layer: Layer): LayerState {
  const size = layer.q.shape[0]! * layer.tokens;
  const unknown = () => new Float32Array(size).fill(NaN);
  return {
    layer,
    attention: subject.layers[layer.index]!,
    own: subject.own[layer.index]!,
    mixer: undefined,
    ownMixer: undefined,
    stats: Object.fromEntries(STAT_NAMES.map(name => [name, unknown()])) as unknown as LayerState['stats'],
  };
}

function sampledNote({ attention }: LayerState, { tokens, what }: Sampled): string {
  const { title } = attention.variant.info;
  const some = `${tokens} evenly spaced tokens a head. Rows asked for are exact.`;
  return what === 'statistics'
    ? `${title} forms no rows while it runs: its statistics are those of ${some}`
    : `The recall of ${title} is that of ${some}`;
}
