import type { LlamaConfig } from './config';

/** A tensor that an architecture needs; `because` names the config fields its shape follows from. */
export interface NeededTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly because: string;
}

/** Every tensor that the config promises, in the order of the forward pass, and those it rules out. */
export function llamaTensors(config: LlamaConfig): { needed: NeededTensor[]; unexpected: string[] } {
  const hidden = config.hiddenSize;
  const query = config.numAttentionHeads * config.headDim;
  const keyValue = config.numKeyValueHeads * config.headDim;
  const needed: NeededTensor[] = [];
  const unexpected: string[] = [];
  const add = (name: string, shape: readonly number[], because: string) =>
    needed.push({ name, shape, because });

  const linear = (name: string, rows: number, columns: number, because: string, bias: boolean) => {
    add(`${name}.weight`, [rows, columns], because);
    if (bias) add(`${name}.bias`, [rows], because);
    else unexpected.push(`${name}.bias`);
  };

  add('model.embed_tokens.weight', [config.vocabSize, hidden], 'vocab_size, hidden_size');
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const at = `model.layers.${layer}`;
    const attention = `${at}.self_attn`;
    const queryFields = 'num_attention_heads * head_dim, hidden_size';
    const keyFields = 'num_key_value_heads * head_dim, hidden_size';
    const wide = 'intermediate_size, hidden_size';
    add(`${at}.input_layernorm.weight`, [hidden], 'hidden_size');
    linear(`${attention}.q_proj`, query, hidden, queryFields, config.attentionBias);
    linear(`${attention}.k_proj`, keyValue, hidden, keyFields, config.attentionBias);
    linear(`${attention}.v_proj`, keyValue, hidden, keyFields, config.attentionBias);
    linear(
      `${attention}.o_proj`,
      hidden,
      query,
      'hidden_size, num_attention_heads * head_dim',
      config.attentionBias,
    );
    add(`${at}.post_attention_layernorm.weight`, [hidden], 'hidden_size');
    linear(`${at}.mlp.gate_proj`, config.intermediateSize, hidden, wide, config.mlpBias);
    linear(`${at}.mlp.up_proj`, config.intermediateSize, hidden, wide, config.mlpBias);
    linear(
      `${at}.mlp.down_proj`,
      hidden,
      config.intermediateSize,
      'hidden_size, intermediate_size',
      config.mlpBias,
    );
  }
  unexpected.push(`model.layers.${config.numHiddenLayers}.self_attn.q_proj.weight`);
  add('model.norm.weight', [hidden], 'hidden_size');
  if (!config.tieWordEmbeddings) add('lm_head.weight', [config.vocabSize, hidden], 'vocab_size, hidden_size');
  return { needed, unexpected };
}
