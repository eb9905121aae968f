/**
 * Configs of Mamba's own code, from before the Transformers classes: `d_model`, `n_layer` and an `ssm_cfg` with the
 * layer's settings. They are read as configs of those classes, with the defaults of that code.
 */

import * as v from 'valibot';
import { Problem } from '../../../protocol/problem';
import { check, expectField, flag, positive, size } from '../configFields';

const Schema = v.looseObject({
  d_model: size(2 ** 17),
  n_layer: size(1024),
  vocab_size: size(2 ** 24),
  pad_vocab_size_multiple: v.optional(size(2 ** 16), 8),
  tie_embeddings: flag(true),
  attn_layer_idx: v.nullish(v.array(v.unknown())),
  ssm_cfg: v.nullish(
    v.looseObject({
      layer: v.optional(v.picklist(['Mamba1', 'Mamba2']), 'Mamba1'),
      expand: v.optional(positive, 2),
    }),
    {},
  ),
});

export function isOriginalMamba(json: object): boolean {
  return 'd_model' in json && 'n_layer' in json && !('model_type' in json);
}

/** @throws Problem for a field that is missing, and for what neither class of Transformers computes. */
export function originalMamba(json: object, where: string): object {
  const raw = check(Schema, json, where);
  expectField(json, 'rms_norm', [true], where);
  expectField(json, 'd_intermediate', [0], where);
  if (raw.attn_layer_idx?.length) {
    throw new Problem(
      `${where}: attn_layer_idx is ${JSON.stringify(raw.attn_layer_idx)}; Longsight opens models of Mamba layers alone.`,
    );
  }
  const { layer, expand, ...given } = raw.ssm_cfg;
  const multiple = raw.pad_vocab_size_multiple;
  const common = {
    vocab_size: Math.ceil(raw.vocab_size / multiple) * multiple,
    hidden_size: raw.d_model,
    num_hidden_layers: raw.n_layer,
    tie_word_embeddings: raw.tie_embeddings,
    conv_kernel: given['d_conv'] ?? 4,
    expand,
    use_bias: given['bias'] ?? false,
    use_conv_bias: given['conv_bias'] ?? true,
  };
  if (layer === 'Mamba1') {
    return {
      ...{ ...common, model_type: 'mamba', architectures: ['MambaForCausalLM'] },
      state_size: given['d_state'] ?? 16,
      time_step_rank: given['dt_rank'] ?? 'auto',
    };
  }
  const inside = `${where}, in ssm_cfg`;
  expectField(raw.ssm_cfg, 'norm_before_gate', [false], inside);
  expectField(raw.ssm_cfg, 'rmsnorm', [true], inside);
  expectField(raw.ssm_cfg, 'D_has_hdim', [false], inside);
  expectField(raw.ssm_cfg, 'd_ssm', [Math.floor(expand * raw.d_model)], inside);
  const headDim = given['headdim'] ?? 64;
  const groups = given['ngroups'] ?? 1;
  return {
    ...{ ...common, model_type: 'mamba2', architectures: ['Mamba2ForCausalLM'] },
    state_size: given['d_state'] ?? 128,
    head_dim: headDim,
    num_heads: Math.floor((expand * raw.d_model) / Number(headDim)),
    ...{ n_groups: groups, norm_groups: groups },
    time_step_limit: given['dt_limit'] ?? [0, Infinity],
  };
}
