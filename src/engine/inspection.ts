/** What the engine holds of one inspected document, and the questions it answers about it. */

import {
  type HeadRef,
  type InspectionSummary,
  type ModelInfo,
  type Overview,
  type Row,
  type RowRef,
  STAT_NAMES,
  type StatName,
  type Structure,
  type TokenDetail,
  type TokenStats,
  type VariantChoice,
  type DeviceInfo,
  type WeightFormat,
  type Schedule,
} from '../protocol/inspection';
import type { RowRequest } from '../protocol/engine';
import type { Memory } from '../protocol/memory';
import { Problem } from '../protocol/problem';
import { describeMemory } from './analysis/memory';
import { describeStructure, pathOf, textNodes } from './analysis/structure';
import type { LayerState } from './layerState';
import type { Decoder } from './model/decoder';
import { PREDICTIONS } from './model/layers';
import { Overlays } from './overlays';
import { answerRow } from './rowAnswer';
import type { FloatTensor } from './onnx/tensor';
import type { LayerAttention } from './schedule';
import type { Source } from './source';
import type { TensorStore } from './tensorStore';
import { unitsOf } from './text/units';
import type { Mixer, PlanNode, TextUnit } from './variants/primitives/mixer';
import { keptHeads } from './variants/primitives/sharedHeads';

interface Subject {
  readonly id: string;
  readonly source: Source;
  readonly model: ModelInfo;
  /** The stages of the model; undefined for a tensor dump. */
  readonly decoder: Decoder | undefined;
  /** Changes when the model's files do. */
  readonly stamp: string;
  readonly choice: VariantChoice;
  readonly schedule: Schedule;
  /** `[L]` */
  readonly layers: readonly LayerAttention[];
  /** `[L]`: the model's own attention. */
  readonly own: readonly LayerAttention[];
  /** 1 for each global token, `[N]`; undefined where none is. */
  readonly globals: FloatTensor | undefined;
  readonly device: DeviceInfo;
  readonly weights: WeightFormat;
  readonly store: TensorStore;
  /** Where the last stage's output is written. */
  readonly logits: string | undefined;
}

export class Inspection {
  readonly subject: Subject;
  /** `N` */
  readonly tokens: number;
  readonly layers: LayerState[] = [];
  /** `[N]` nats; entry 0 is NaN, as is every one not yet computed. */
  readonly losses: Float32Array;
  /** `[N, PREDICTIONS]`: what the model expects after each token. */
  readonly predictions: Int32Array;
  readonly logProbabilities: Float32Array;
  readonly notes: string[] = [];
  /** Leading tokens whose numbers were taken over from an earlier inspection. */
  kept = 0;
  readonly #started = performance.now();
  #seconds: number | undefined;
  readonly #units = new Map<TextUnit, Int32Array>();
  #textNodes: readonly PlanNode[] | undefined;
  readonly #overlays = new Overlays();

  constructor(subject: Subject) {
    this.subject = subject;
    this.tokens = subject.source.table.ids.length;
    this.losses = new Float32Array(this.tokens).fill(NaN);
    this.predictions = new Int32Array(this.tokens * PREDICTIONS);
    this.logProbabilities = new Float32Array(this.tokens * PREDICTIONS);
  }

  get heads(): number {
    return this.subject.model.heads;
  }

  /** Adds sentences for the reader, each once. */
  note(sentences: readonly string[]): void {
    for (const sentence of sentences) if (!this.notes.includes(sentence)) this.notes.push(sentence);
  }

  /** Stops the clock. */
  finish(): void {
    this.#seconds = (performance.now() - this.#started) / 1000;
  }

  summary(): InspectionSummary {
    const { id, model, choice, schedule, layers, device, weights } = this.subject;
    return {
      id,
      model,
      variant: choice,
      schedule,
      layerVariants: layers.map(layer => layer.choice),
      device,
      weights,
      tokens: this.tokens,
      kept: this.kept,
      layers: model.layers,
      heads: this.heads,
      loss: this.#seconds === undefined ? undefined : meanLoss(this.losses),
      seconds: this.#seconds ?? (performance.now() - this.#started) / 1000,
      notes: this.notes,
    };
  }

  /** The unit index of every token, `[N]`. */
  readonly units = (unit: TextUnit): Int32Array => {
    let labels = this.#units.get(unit);
    labels ??= unitsOf(this.subject.source.text, this.subject.source.table, unit);
    this.#units.set(unit, labels);
    return labels;
  };

  stats({ layer, head }: HeadRef): TokenStats {
    this.#checkHead({ layer, head });
    const of = (name: StatName) => this.stat({ layer, head }, name).slice();
    return Object.fromEntries(STAT_NAMES.map(name => [name, of(name)])) as unknown as TokenStats;
  }

  /** `[N]`, over the memory of the inspection. */
  stat({ layer, head }: HeadRef, name: StatName): Float32Array {
    this.#checkHead({ layer, head });
    const all = this.layers[layer]?.stats[name];
    return (
      all?.subarray(head * this.tokens, (head + 1) * this.tokens) ?? new Float32Array(this.tokens).fill(NaN)
    );
  }

  overview(): Overview {
    const { layers } = this.subject.model;
    const means = (name: StatName) => {
      const result = new Float32Array(layers * this.heads).fill(NaN);
      this.layers.forEach(({ stats }, layer) => {
        for (let head = 0; head < this.heads; head++) {
          const values = stats[name].subarray(head * this.tokens, (head + 1) * this.tokens);
          result[layer * this.heads + head] = meanOfKnown(values);
        }
      });
      return result;
    };
    const stats = Object.fromEntries(STAT_NAMES.map(name => [name, means(name)])) as Overview['stats'];
    return { layers, heads: this.heads, stats };
  }

  async row(request: Omit<RowRequest, 'id'>): Promise<Row> {
    const run = await this.open(request);
    const { tokens } = this;
    return answerRow(this.layers[request.layer]!, request, { run, tokens, overlays: this.#overlays });
  }

  async structure(ref: RowRef | undefined, limit: number): Promise<Structure> {
    const mixer = ref && (await this.open(ref));
    const row = ref && mixer && { ...(await mixer.row(ref.head, ref.token)), token: ref.token };
    const planned = (mixer ?? this.layers[0]?.mixer)?.structure(ref?.token) ?? [];
    const { title } = (this.subject.layers[ref?.layer ?? 0] ?? this.subject.layers[0]!).variant.info;
    return planned.length > 0
      ? describeStructure(planned, { title: `Plan of ${title}`, tokens: this.tokens, row, limit })
      : describeStructure(this.#text(), {
          title: 'Paragraphs and sentences of the text',
          tokens: this.tokens,
          row,
          limit,
        });
  }

  /** Undefined where the layer's variant has no memory but the keys themselves. */
  async memory(ref: RowRef, limit: number): Promise<Memory | undefined> {
    const mixer = await this.open(ref);
    const title = `Memory of ${this.layers[ref.layer]!.attention.variant.info.title}`;
    return describeMemory(mixer, { ref, title, tokens: this.tokens, limit });
  }

  tokenDetail(token: number): TokenDetail {
    this.#checkToken(token);
    const { table, text, pieces } = this.subject.source;
    const id = table.ids[token]!;
    const loss = this.losses[token]!;
    const expected = token === 0 || Number.isNaN(loss) ? 0 : PREDICTIONS;
    const planned = this.layers[0]?.mixer?.structure(token) ?? [];
    return {
      token,
      id,
      text: text.slice(table.starts[token], table.ends[token]),
      piece: pieces.piece(id),
      loss: Number.isNaN(loss) ? undefined : loss,
      predictions: Array.from({ length: expected }, (_, rank) => {
        const at = (token - 1) * PREDICTIONS + rank;
        const prediction = this.predictions[at]!;
        return {
          id: prediction,
          text: pieces.text(prediction),
          logProbability: this.logProbabilities[at]!,
        };
      }),
      path: pathOf(planned.length > 0 ? planned : this.#text(), token),
    };
  }

  #text(): readonly PlanNode[] {
    this.#textNodes ??= textNodes(this.units('paragraph'), this.units('sentence'));
    return this.#textNodes;
  }

  /** A row's mixer, once all that it reads is in memory. @throws Problem as `mixerOf` does. */
  async open(ref: RowRef): Promise<Mixer> {
    const mixer = this.mixerOf(ref);
    const { q, k, v, globals, tensors } = this.layers[ref.layer]!.layer;
    await this.subject.store.recall([
      keptHeads(q),
      k,
      v,
      ...Object.values(tensors),
      ...Object.values(globals ?? {}),
    ]);
    return mixer;
  }

  /** @throws Problem for a row that the document does not have, and while its layer is not computed. */
  mixerOf(ref: RowRef): Mixer {
    this.#checkHead(ref);
    this.#checkToken(ref.token);
    const mixer = this.layers[ref.layer]?.mixer;
    if (mixer !== undefined) return mixer;
    throw new Problem(
      `Layer ${ref.layer} is not computed yet; ask again when the inspection has reached it.`,
    );
  }

  #checkHead({ layer, head }: HeadRef): void {
    const { layers } = this.subject.model;
    if (!isIndex(layer, layers)) throw new Problem(`The model has layers 0 to ${layers - 1}, not ${layer}.`);
    if (!isIndex(head, this.heads))
      throw new Problem(`The model has heads 0 to ${this.heads - 1}, not ${head}.`);
  }

  #checkToken(token: number): void {
    if (isIndex(token, this.tokens)) return;
    throw new Problem(`The document has tokens 0 to ${this.tokens - 1}, not ${token}.`);
  }
}

function isIndex(value: number, length: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < length;
}

function meanLoss(losses: Float32Array): number | undefined {
  const mean = meanOfKnown(losses);
  return Number.isNaN(mean) ? undefined : mean;
}

function meanOfKnown(values: Float32Array): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count += 1;
  }
  return sum / count;
}
