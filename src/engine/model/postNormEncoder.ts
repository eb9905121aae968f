/**
 * The family of BERT (arXiv 1810.04805): learned positions and types, LayerNorm after each half of a
 * layer, attention to both sides.
 */

import type { GraphBuilder } from '../onnx/builder';
import type { Value } from '../onnx/graph';
import type { Activation } from './activations';
import type { Family, Parts } from './architecture';
import type { ModelConfig } from './config';
import type { Decoder } from './decoder';
import { embedTokens } from './embedding';
import { ending } from './head';
import { mergeHeads, splitHeads } from './layers';
import { UNROTATED } from './rope';
import type { TensorList } from './tensorList';

export interface PostNormEncoderConfig extends ModelConfig {
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly epsilon: number;
  readonly causal: boolean;
  /** Keys with `|i - j| < window` are seen in each layer; undefined sees all. */
  readonly windows: readonly (number | undefined)[];
  /** Rows of the table of positions. */
  readonly positions: number;
  readonly types: number;
  /** The activation of the head. */
  readonly headActivation: Activation;
  /** Which row of the table of positions each token takes, `[N]`. */
  positionRows(ids: Int32Array): Int32Array;
}

/** How the members of the family call their parts. */
export interface PostNormNames {
  /** Such as `bert.` */
  readonly prefix: string;
  readonly otherPrefixes?: readonly string[];
  readonly head: {
    readonly dense: string;
    readonly norm: string;
    readonly decoder: string;
    readonly bias: string;
  };
  /** Whether global tokens have queries, keys and values of their own. */
  readonly globals?: boolean;
}

/** What the names of the projections of global tokens end in. */
const GLOBAL = '_global';

export function postNormEncoder(names: PostNormNames): Family<PostNormEncoderConfig> {
  return {
    prefix: names.prefix,
    otherPrefixes: names.otherPrefixes ?? [],
    anchor: 'embeddings.word_embeddings.weight',
    headTensor: `${names.head.dense}.weight`,
    renamed: [
      ['LayerNorm.gamma', 'LayerNorm.weight'],
      ['LayerNorm.beta', 'LayerNorm.bias'],
      [`${names.head.decoder}.bias`, names.head.bias],
    ],
    tensors: (config, list, head) => listTensors(names, config, list, head),
    stages: (config, parts) => stages(names, config, parts),
  };
}

function listTensors(
  { prefix, head: own, globals }: PostNormNames,
  config: PostNormEncoderConfig,
  list: TensorList,
  head: boolean,
): void {
  const { hiddenSize: hidden, intermediateSize: inner, vocabSize, numHiddenLayers: layers } = config;
  const at = `${prefix}embeddings`;
  list.add(`${at}.word_embeddings.weight`, [vocabSize, hidden], 'vocab_size, hidden_size');
  const positions = 'max_position_embeddings, hidden_size';
  list.add(`${at}.position_embeddings.weight`, [config.positions, hidden], positions);
  list.add(`${at}.token_type_embeddings.weight`, [config.types, hidden], 'type_vocab_size, hidden_size');
  list.norm(`${at}.LayerNorm`, hidden, 'hidden_size', true);
  const square = 'hidden_size, hidden_size';
  for (let layer = 0; layer < layers; layer++) {
    const here = `${prefix}encoder.layer.${layer}`;
    for (const ending of globals ? ['', GLOBAL] : ['']) {
      for (const name of ['query', 'key', 'value']) {
        list.linear(`${here}.attention.self.${name}${ending}`, hidden, hidden, square, true);
      }
    }
    list.linear(`${here}.attention.output.dense`, hidden, hidden, square, true);
    list.norm(`${here}.attention.output.LayerNorm`, hidden, 'hidden_size', true);
    list.linear(`${here}.intermediate.dense`, inner, hidden, 'intermediate_size, hidden_size', true);
    list.linear(`${here}.output.dense`, hidden, inner, 'hidden_size, intermediate_size', true);
    list.norm(`${here}.output.LayerNorm`, hidden, 'hidden_size', true);
  }
  const beyond = `${prefix}encoder.layer.${layers}.output.dense.weight`;
  list.refuse(beyond, `num_hidden_layers is ${layers}`);
  if (!head) return;
  list.linear(own.dense, hidden, hidden, square, true);
  list.norm(own.norm, hidden, 'hidden_size', true);
  list.add(own.bias, [vocabSize], 'vocab_size');
  if (!config.tieWordEmbeddings) {
    list.add(`${own.decoder}.weight`, [vocabSize, hidden], 'vocab_size, hidden_size');
  }
}

function stages(names: PostNormNames, config: PostNormEncoderConfig, parts: Parts): Decoder {
  const { weights } = parts;
  const { prefix, head, globals = false } = names;
  const { hiddenSize, headDim, numAttentionHeads: heads, intermediateSize } = config;
  const embedding = weights.entry(`${prefix}embeddings.word_embeddings.weight`);
  const positions = weights.entry(`${prefix}embeddings.position_embeddings.weight`);
  const types = weights.entry(`${prefix}embeddings.token_type_embeddings.weight`);
  const norm = (g: GraphBuilder, x: Value, name: string) => weights.layerNorm(g, x, name, config.epsilon);
  const project = (layer: number, ending: string) =>
    weights.program(`project${ending} ${layer}`, g => {
      const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
      for (const [output, name] of [
        ['q', 'query'],
        ['k', 'key'],
        ['v', 'value'],
      ] as const) {
        const at = `${prefix}encoder.layer.${layer}.attention.self.${name}${ending}`;
        g.output(output, splitHeads(g, weights.linear(g, hidden, at), heads, headDim));
      }
    });
  const embedded = weights.program('embed', g => {
    const rows = g.input('rows', 'float32', ['B', hiddenSize]);
    g.output('embedded', norm(g, rows, `${prefix}embeddings.LayerNorm`));
  });

  return {
    info: parts.info,
    hidden: hiddenSize,
    layerCost: hiddenSize * (4 * hiddenSize + 2 * intermediateSize),
    attention: layer => ({
      ...{ causal: config.causal, window: config.windows[layer], softcap: undefined, globals },
    }),
    embed: (ids, executor) =>
      embedTokens(
        {
          tokens: embedding,
          added: [
            { table: types, rows: all => new Int32Array(all.length) },
            { table: positions, rows: all => config.positionRows(all) },
          ],
          norm: embedded,
          mostTokens: config.maxPositionEmbeddings,
        },
        ids,
        executor,
      ),
    rotary: () => UNROTATED,

    project: layer => project(layer, ''),
    ...(globals ? { projectGlobals: (layer: number) => project(layer, GLOBAL) } : {}),

    finish: layer =>
      weights.program(`finish ${layer}`, g => {
        const at = `${prefix}encoder.layer.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const y = g.input('y', 'float32', [heads, 'B', headDim]);
        const attended = weights.linear(g, mergeHeads(g, y, heads, headDim), `${at}.attention.output.dense`);
        const middle = norm(g, g.add(hidden, attended), `${at}.attention.output.LayerNorm`);
        const inner = config.activation(g, weights.linear(g, middle, `${at}.intermediate.dense`));
        const fed = weights.linear(g, inner, `${at}.output.dense`);
        g.output('next', norm(g, g.add(middle, fed), `${at}.output.LayerNorm`));
      }),

    ...ending(parts, {
      ...{ hiddenSize, vocabSize: config.vocabSize, causal: config.causal },
      norm: (_, hidden) => hidden,
      logits(g, x) {
        const inner = config.headActivation(g, weights.linear(g, x, head.dense));
        const calm = norm(g, inner, head.norm);
        const decoder = config.tieWordEmbeddings ? `${prefix}embeddings.word_embeddings` : head.decoder;
        return g.linear(calm, weights.get(g, `${decoder}.weight`), weights.get(g, head.bias));
      },
    }),
  };
}
