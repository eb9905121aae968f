import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/engine/model/architectures';
import type { GatedDecoderConfig } from '../../../src/engine/model/gatedDecoder';
import { SMALL_LLAMA } from '../../support/checkpoints';
import type { ConfigFields } from '../../support/checkpoints';

const parse = (changes: ConfigFields) =>
  parseConfig(JSON.stringify({ ...SMALL_LLAMA, ...changes }), 'config.json').config;

/** The rotation of the first layer. */
const rope = (changes: ConfigFields) => (parse(changes) as GatedDecoderConfig).layers[0]!.rope;

describe('config of a Llama', () => {
  it('fills what older configs leave out', () => {
    const config = parse({
      num_key_value_heads: undefined,
      head_dim: undefined,
      rms_norm_eps: undefined,
      rope_theta: undefined,
      tie_word_embeddings: undefined,
      eos_token_id: [1, 2],
      bos_token_id: null,
    });
    expect(config).toMatchObject({
      numKeyValueHeads: 4,
      headDim: 6,
      rmsNormEps: 1e-6,
      layers: [1, 2, 3].map(() => ({
        rope: { theta: 10000, scaling: { type: 'default' }, width: 6, period: 6 },
      })),
      tieWordEmbeddings: false,
    });
  });

  it('knows the architecture by its class when model_type is missing', () => {
    expect(parse({ model_type: undefined }).modelType).toBe('llama');
  });

  it('reads rope_parameters of newer configs', () => {
    const rope_parameters = { rope_type: 'linear', factor: 4, rope_theta: 500000 };
    expect(rope({ rope_theta: undefined, rope_parameters })).toEqual({
      theta: 500000,
      scaling: { type: 'linear', factor: 4 },
      width: 8,
      period: 8,
    });
  });

  it('reads every kind of rotary scaling', () => {
    const scaling = (rope_scaling: object) => rope({ rope_scaling }).scaling;
    expect(scaling({ type: 'dynamic', factor: 2 })).toEqual({
      type: 'dynamic',
      factor: 2,
      originalMaxPositionEmbeddings: 4096,
    });
    expect(scaling({ rope_type: 'yarn', factor: 4, original_max_position_embeddings: 1024 })).toEqual({
      type: 'yarn',
      factor: 4,
      originalMaxPositionEmbeddings: 1024,
      betaFast: 32,
      betaSlow: 1,
      attentionFactor: 0.1 * Math.log(4) + 1,
      truncate: true,
    });
    expect(
      scaling({
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      }),
    ).toMatchObject({ type: 'llama3', lowFreqFactor: 1, highFreqFactor: 4 });
  });

  it.each<[string, ConfigFields, string]>([
    ['another architecture', { model_type: 'rwkv' }, 'model_type is "rwkv"'],
    ['an inherited name', { model_type: 'constructor' }, 'model_type is "constructor"'],
    [
      'a class of another family',
      { architectures: ['BertForMaskedLM'] },
      'expected a class of the Llama family',
    ],
    ['a missing size', { hidden_size: undefined }, 'hidden_size is undefined'],
    ['a size of zero', { num_hidden_layers: 0 }, 'num_hidden_layers is 0; expected at least 1'],
    ['an absurd size', { vocab_size: 1e12 }, 'vocab_size is 1000000000000; expected at most'],
    ['half a head', { num_attention_heads: 2.5 }, 'num_attention_heads is 2.5; expected a whole number'],
    ['text for a number', { hidden_size: '24' }, 'hidden_size is "24"; expected a number'],
    ['uneven groups', { num_key_value_heads: 3 }, 'num_attention_heads is 4; expected a multiple of'],
    ['an odd head', { head_dim: 7 }, 'head_dim is 7'],
    ['heads that do not divide', { head_dim: null, hidden_size: 26 }, 'hidden_size is 26'],
    ['another activation', { hidden_act: 'xielu' }, 'hidden_act is "xielu"'],
    ['layers of several kinds', { per_layer_config: { 1: { head_dim: 4 } } }, 'per_layer_config is {"1":'],
    ['heads that are left out', { pruned_heads: { 1: [0] } }, 'pruned_heads is {"1":[0]}'],
    ['a decoder that sees what follows', { is_causal: false }, 'is_causal is false; Longsight computes true'],
    ['an unknown scaling', { rope_scaling: { rope_type: 'ntk' } }, 'has type "ntk"'],
    ['a scaling without factor', { rope_scaling: { type: 'linear' } }, 'rope_scaling.factor is missing'],
    [
      'a share of heads rotated',
      { partial_rotary_factor: 0.5 },
      'partial_rotary_factor is 0.5; this architecture rotates whole heads',
    ],
    [
      'a longrope without factors',
      { rope_scaling: { type: 'longrope' } },
      'short_factor holds nothing; expected 4',
    ],
    ['quantised weights', { quantization_config: { quant_method: 'gptq' } }, 'gptq'],
    ['an epsilon of zero', { rms_norm_eps: 0 }, 'rms_norm_eps is 0; expected more than 0'],
  ])('refuses %s by field and value', (_, changes, message) => {
    expect(() => parse(changes)).toThrow(message);
  });

  it('refuses what is no JSON object', () => {
    expect(() => parseConfig('{', 'config.json')).toThrow('to be JSON');
    expect(() => parseConfig('[]', 'config.json')).toThrow('JSON object');
    expect(() => parseConfig('{}', 'config.json')).toThrow('model_type is missing');
  });
});
