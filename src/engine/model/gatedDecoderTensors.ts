import type { GatedDecoderConfig } from './gatedDecoder';
import type { TensorList } from './tensorList';

/** The tensors of a decoder of Llama's family. */
export function gatedDecoderTensors(config: GatedDecoderConfig, list: TensorList, head: boolean): void {
  const { hiddenSize: hidden, headDim, intermediateSize: inner, biases } = config;
  const query = config.numAttentionHeads * headDim;
  const keyValue = config.numKeyValueHeads * headDim;
  const queryFields = 'num_attention_heads * head_dim, hidden_size';
  const keyFields = 'num_key_value_heads * head_dim, hidden_size';
  const wide = 'intermediate_size, hidden_size';

  list.add('model.embed_tokens.weight', [config.vocabSize, hidden], 'vocab_size, hidden_size');
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const at = `model.layers.${layer}`;
    const own = `${at}.self_attn`;
    list.norm(`${at}.input_layernorm`, hidden, 'hidden_size');
    if (config.fused) {
      const all = '(num_attention_heads + 2 * num_key_value_heads) * head_dim, hidden_size';
      list.linear(`${own}.qkv_proj`, query + 2 * keyValue, hidden, all, biases.queryKeyValue);
    } else {
      list.linear(`${own}.q_proj`, query, hidden, queryFields, biases.queryKeyValue);
      list.linear(`${own}.k_proj`, keyValue, hidden, keyFields, biases.queryKeyValue);
      list.linear(`${own}.v_proj`, keyValue, hidden, keyFields, biases.queryKeyValue);
    }
    if (config.queryKeyNorm) {
      list.norm(`${own}.q_norm`, headDim, 'head_dim');
      list.norm(`${own}.k_norm`, headDim, 'head_dim');
    }
    const outputFields = 'hidden_size, num_attention_heads * head_dim';
    list.linear(`${own}.o_proj`, hidden, query, outputFields, biases.output);
    list.norm(`${at}.post_attention_layernorm`, hidden, 'hidden_size');
    if (config.outputNorms) {
      list.norm(`${at}.pre_feedforward_layernorm`, hidden, 'hidden_size');
      list.norm(`${at}.post_feedforward_layernorm`, hidden, 'hidden_size');
    }
    if (config.fused) {
      list.linear(`${at}.mlp.gate_up_proj`, 2 * inner, hidden, `2 * ${wide}`, biases.feedForward);
    } else {
      list.linear(`${at}.mlp.gate_proj`, inner, hidden, wide, biases.feedForward);
      list.linear(`${at}.mlp.up_proj`, inner, hidden, wide, biases.feedForward);
    }
    list.linear(`${at}.mlp.down_proj`, hidden, inner, 'hidden_size, intermediate_size', biases.feedForward);
  }
  const layers = config.numHiddenLayers;
  list.refuse(`model.layers.${layers}.input_layernorm.weight`, `num_hidden_layers is ${layers}`);
  list.norm('model.norm', hidden, 'hidden_size');
  if (head && !config.tieWordEmbeddings) {
    list.add('lm_head.weight', [config.vocabSize, hidden], 'vocab_size, hidden_size');
  }
}
