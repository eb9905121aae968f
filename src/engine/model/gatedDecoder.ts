/**
 * The family of Llama: pre-norm decoders with RMSNorm, rotary positions, grouped-query attention and a
 * gated feed-forward (arXiv 2302.13971). What its members do differently is in `GatedDecoderConfig`.
 */

import type { GraphBuilder } from '../onnx/builder';
import type { Value } from '../onnx/graph';
import type { Activation } from './activations';
import type { Family, Parts } from './architecture';
import type { ModelConfig } from './config';
import type { Decoder } from './decoder';
import { embedTokens } from './embedding';
import { gatedDecoderTensors } from './gatedDecoderTensors';
import { ending } from './head';
import { columns, mergeHeads, rmsNorm, rotate, softcap, splitHeads } from './layers';
import { rotaryOf } from './rope';
import type { Rope } from './ropeConfig';

export interface GatedDecoderConfig extends ModelConfig {
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly rmsNormEps: number;
  readonly layers: readonly GatedDecoderLayer[];
  /** Whether queries see later tokens too: within the window of the layer to both sides, where it has one. */
  readonly bidirectional?: boolean;
  /** Which projections have biases; what denies one is said for the message about a stray tensor. */
  readonly biases: {
    readonly queryKeyValue: true | string;
    readonly output: true | string;
    readonly feedForward: true | string;
  };
  /** Whether q and k of each head pass a norm before they are rotated. */
  readonly queryKeyNorm?: boolean;
  /** Whether the outputs of attention and feed-forward pass a norm before they are added. */
  readonly outputNorms?: boolean;
  /** Whether norms multiply by `1 + weight`. */
  readonly normsAroundOne?: boolean;
  /** Whether q, k, v are one tensor, and gate and up another. */
  readonly fused?: boolean;
  readonly embeddingScale?: number;
  /** The factor on `q·k`, where it is not `1 / sqrt(D)`. */
  readonly scoreScale?: number;
  readonly scoreSoftcap?: number | undefined;
  readonly logitSoftcap?: number | undefined;
}

export interface GatedDecoderLayer {
  /** Tokens seen to one side of the query, itself included; undefined sees all. */
  readonly window: number | undefined;
  readonly rope: Rope;
}

export const gatedDecoder: Family<GatedDecoderConfig> = {
  prefix: 'model.',
  // The last two are those of a body with images but no head, and of question answerers.
  otherPrefixes: ['language_model.model.', 'model.language_model.', 'language_model.', 'transformer.'],
  anchor: 'embed_tokens.weight',
  headTensor: 'lm_head.weight',
  tiedHeadIsSilent: true,
  renamed: [['language_model.lm_head.weight', 'lm_head.weight']],
  tensors: gatedDecoderTensors,
  stages,
};

function stages(config: GatedDecoderConfig, parts: Parts): Decoder {
  const { weights } = parts;
  const { hiddenSize, headDim, numAttentionHeads: heads, numKeyValueHeads: groups } = config;
  const { intermediateSize, layers, queryKeyNorm, outputNorms, fused } = config;
  const causal = config.bidirectional !== true;
  const embedding = weights.entry('model.embed_tokens.weight');
  const scale = (config.scoreScale ?? 1 / Math.sqrt(headDim)) * Math.sqrt(headDim);
  const scaled = Math.abs(scale - 1) > 1e-9;

  const norm = (g: GraphBuilder, x: Value, name: string): Value => {
    const weight = weights.get(g, `${name}.weight`);
    return rmsNorm(g, x, config.normsAroundOne ? g.add(weight, 1) : weight, config.rmsNormEps);
  };

  /** Before heads are split: `[B, H * D], [B, G * D], [B, G * D]`. */
  const queryKeyValue = (g: GraphBuilder, x: Value, at: string): Value[] => {
    const all = [heads * headDim, groups * headDim, groups * headDim];
    if (fused) return columns(g, weights.linear(g, x, `${at}.qkv_proj`), ...all);
    return ['q_proj', 'k_proj', 'v_proj'].map(name => weights.linear(g, x, `${at}.${name}`));
  };

  const feedForward = (g: GraphBuilder, x: Value, at: string): Value => {
    const [gate, up] = fused
      ? columns(g, weights.linear(g, x, `${at}.gate_up_proj`), intermediateSize, intermediateSize)
      : ['gate_proj', 'up_proj'].map(name => weights.linear(g, x, `${at}.${name}`));
    return weights.linear(g, g.mul(config.activation(g, gate!), up!), `${at}.down_proj`);
  };

  return {
    info: parts.info,
    hidden: hiddenSize,
    layerCost: hiddenSize * (2 * (heads + groups) * headDim + 3 * intermediateSize),
    attention: layer => ({ causal, window: layers[layer]!.window, softcap: config.scoreSoftcap }),
    embed: (ids, executor) =>
      embedTokens({ tokens: embedding, scale: config.embeddingScale ?? 1 }, ids, executor),
    rotary: (tokens, layer) => rotaryOf(layers[layer]!.rope, tokens),

    project: layer =>
      weights.program(`project ${layer}`, g => {
        const at = `model.layers.${layer}`;
        const rotated = layers[layer]!.rope.width;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const cos = g.input('cos', 'float32', ['B', rotated / 2]);
        const sin = g.input('sin', 'float32', ['B', rotated / 2]);
        const x = norm(g, hidden, `${at}.input_layernorm`);
        const [q, k, v] = queryKeyValue(g, x, `${at}.self_attn`);
        const turn = (part: Value, count: number, name: string) => {
          const split = splitHeads(g, part, count, headDim);
          const calm = queryKeyNorm ? norm(g, split, `${at}.self_attn.${name}_norm`) : split;
          return rotate(g, calm, cos, sin, headDim, rotated);
        };
        const turned = turn(q!, heads, 'q');
        g.output('q', scaled ? g.mul(turned, scale) : turned);
        g.output('k', turn(k!, groups, 'k'));
        g.output('v', splitHeads(g, v!, groups, headDim));
      }),

    finish: layer =>
      weights.program(`finish ${layer}`, g => {
        const at = `model.layers.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const y = g.input('y', 'float32', [heads, 'B', headDim]);
        const attended = weights.linear(g, mergeHeads(g, y, heads, headDim), `${at}.self_attn.o_proj`);
        if (outputNorms) {
          const middle = g.add(hidden, norm(g, attended, `${at}.post_attention_layernorm`));
          const fed = feedForward(g, norm(g, middle, `${at}.pre_feedforward_layernorm`), `${at}.mlp`);
          g.output('next', g.add(middle, norm(g, fed, `${at}.post_feedforward_layernorm`)));
          return;
        }
        const middle = g.add(hidden, attended);
        const fed = feedForward(g, norm(g, middle, `${at}.post_attention_layernorm`), `${at}.mlp`);
        g.output('next', g.add(middle, fed));
      }),

    ...ending(parts, {
      ...{ hiddenSize, vocabSize: config.vocabSize, causal },
      norm: (g, hidden) => norm(g, hidden, 'model.norm'),
      logits(g, x) {
        const name = config.tieWordEmbeddings ? 'model.embed_tokens' : 'lm_head';
        return softcap(g, weights.linear(g, x, name), config.logitSoftcap);
      },
    }),
  };
}
