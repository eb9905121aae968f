/**
 * Llama (arXiv 2302.13971, 2307.09288): pre-norm decoder with RMSNorm, rotary positions, grouped-query
 * attention and a SwiGLU feed-forward. Tensor names are Hugging Face's.
 */

import { GraphBuilder } from '../onnx/builder';
import type { Program } from '../onnx/graph';
import type { Checkpoint } from './checkpoint';
import type { Decoder } from './decoder';
import { mergeHeads, rmsNorm, rotate, scoreLogits, silu, splitHeads, Weights } from './layers';
import { rotary } from './rope';

export function llama({ stamp, config, tensors, info }: Checkpoint): Decoder {
  const weights = new Weights(tensors);
  const { hiddenSize, headDim, numAttentionHeads: heads, numKeyValueHeads: groups, rmsNormEps } = config;
  const embedding = tensors.get('model.embed_tokens.weight')!;

  function program(stage: string, build: (g: GraphBuilder) => void): Program {
    const key = `${stamp}/${stage}`;
    return {
      key,
      build() {
        const g = new GraphBuilder(key);
        build(g);
        return g.build();
      },
    };
  }

  return {
    info,
    embedding,
    hidden: hiddenSize,
    layerCost: hiddenSize * (2 * (heads + groups) * headDim + 3 * config.intermediateSize),
    rotary: tokens => rotary(headDim, config.ropeTheta, config.ropeScaling, tokens),

    project: layer =>
      program(`project ${layer}`, g => {
        const at = `model.layers.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const cos = g.input('cos', 'float32', ['B', headDim / 2]);
        const sin = g.input('sin', 'float32', ['B', headDim / 2]);
        const x = rmsNorm(g, hidden, weights.get(g, `${at}.input_layernorm.weight`), rmsNormEps);
        const project = (name: string, count: number) =>
          splitHeads(g, weights.linear(g, x, `${at}.self_attn.${name}`), count, headDim);
        g.output('q', rotate(g, project('q_proj', heads), cos, sin, headDim));
        g.output('k', rotate(g, project('k_proj', groups), cos, sin, headDim));
        g.output('v', project('v_proj', groups));
      }),

    finish: layer =>
      program(`finish ${layer}`, g => {
        const at = `model.layers.${layer}`;
        const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
        const y = g.input('y', 'float32', [heads, 'B', headDim]);
        const attended = weights.linear(g, mergeHeads(g, y, heads, headDim), `${at}.self_attn.o_proj`);
        const middle = g.add(hidden, attended);
        const x = rmsNorm(g, middle, weights.get(g, `${at}.post_attention_layernorm.weight`), rmsNormEps);
        const gate = silu(g, weights.linear(g, x, `${at}.mlp.gate_proj`));
        const up = weights.linear(g, x, `${at}.mlp.up_proj`);
        g.output('next', g.add(middle, weights.linear(g, g.mul(gate, up), `${at}.mlp.down_proj`)));
      }),

    score: program('score', g => {
      const hidden = g.input('hidden', 'float32', ['B', hiddenSize]);
      const targets = g.input('targets', 'int32', ['B', 1]);
      const x = rmsNorm(g, hidden, weights.get(g, 'model.norm.weight'), rmsNormEps);
      const name = config.tieWordEmbeddings ? 'model.embed_tokens' : 'lm_head';
      scoreLogits(g, weights.linear(g, x, name), targets, config.vocabSize);
    }),
  };
}
