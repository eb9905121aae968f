/** The stages of models on WebGPU, with fallback to the CPU forbidden: one of every kind of stage. */

import { afterAll, describe, it } from 'vitest';
import { createExecutor } from '../../../src/engine/runtime/executor';
import { expectEqual, IDS } from '../../support/architectures';
import { bertForward, modernbertForward } from '../../support/bertReference';
import type { ConfigFields, RandomOptions } from '../../support/checkpoints';
import { devicesUnderTest } from '../../support/devices';
import { gpt2Forward, neoxForward } from '../../support/gptReference';
import { llamaForward } from '../../support/llamaReference';
import { mamba2Forward, mambaForward } from '../../support/mambaReference';
import type { ReferenceRun } from '../../support/reference';

const SIZES: ConfigFields = {
  ...{ vocab_size: 97, hidden_size: 36, intermediate_size: 53, num_hidden_layers: 1 },
  ...{ num_attention_heads: 3, max_position_embeddings: 80 },
};

type Forward = (directory: string) => Promise<ReferenceRun>;

describe.runIf(devicesUnderTest().includes('webgpu'))('models on webgpu', () => {
  const executor = createExecutor('webgpu', { strict: true });
  afterAll(() => executor.release());

  it.each<[string, ConfigFields, RandomOptions, Forward]>([
    [
      'Gemma 2',
      {
        ...{ ...SIZES, model_type: 'gemma2', num_key_value_heads: 1, head_dim: 10 },
        ...{ sliding_window: 7, attn_logit_softcapping: 2 },
      },
      {},
      directory => llamaForward({ directory }, IDS),
    ],
    [
      'Gemma 3',
      {
        ...SIZES,
        model_type: 'gemma3_text',
        num_key_value_heads: 1,
        head_dim: 10,
        sliding_window: 6,
        final_logit_softcapping: 4,
      },
      { dtype: 'BF16' },
      directory => llamaForward({ directory }, IDS),
    ],
    [
      'GPT-2',
      { model_type: 'gpt2', vocab_size: 97, n_embd: 35, n_layer: 1, n_head: 5, n_positions: 64 },
      {},
      directory => gpt2Forward(directory, IDS),
    ],
    [
      'GPT-NeoX',
      { ...SIZES, model_type: 'gpt_neox', rotary_pct: 0.5 },
      {},
      directory => neoxForward(directory, IDS),
    ],
    ['BERT', { ...SIZES, model_type: 'bert' }, {}, directory => bertForward(directory, IDS)],
    [
      'ModernBERT',
      { ...SIZES, model_type: 'modernbert', global_attn_every_n_layers: 2 },
      {},
      directory => modernbertForward(directory, IDS),
    ],
    [
      'Mamba',
      { model_type: 'mamba', vocab_size: 97, hidden_size: 18, num_hidden_layers: 1, state_size: 5 },
      {},
      directory => mambaForward(directory, IDS),
    ],
    [
      'Mamba-2',
      {
        ...{ model_type: 'mamba2', vocab_size: 97, hidden_size: 18, num_hidden_layers: 1, state_size: 5 },
        ...{ num_heads: 4, head_dim: 9, n_groups: 2, time_step_limit: [0.1, 2] },
      },
      {},
      directory => mamba2Forward(directory, IDS),
    ],
  ])('%s', { timeout: 240_000 }, async (_, fields, options, forward) => {
    await expectEqual(executor, fields, options, forward);
  });
});
