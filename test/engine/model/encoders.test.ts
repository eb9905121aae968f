/** Encoders of every architecture against plain loops: logits or hidden states, and attention rows. */

import { afterAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../src/engine/model/checkpoint';
import { decoder } from '../../../src/engine/model/decoder';
import { createExecutor } from '../../../src/engine/runtime/executor';
import { type Case, expectEqual, IDS } from '../../support/architectures';
import { bertForward, modernbertForward } from '../../support/bertReference';
import { type ConfigFields, writeRandomCheckpoint } from '../../support/checkpoints';
import { inFolder } from '../../support/folders';

const executor = createExecutor('cpu');
afterAll(() => executor.release());

const SIZES: ConfigFields = {
  ...{ vocab_size: 97, hidden_size: 35, num_hidden_layers: 3, num_attention_heads: 5 },
  ...{ intermediate_size: 47, max_position_embeddings: 80, type_vocab_size: 2 },
};

const BERT: ConfigFields = { ...SIZES, model_type: 'bert', architectures: ['BertForMaskedLM'] };
const ROBERTA: ConfigFields = {
  ...{ ...SIZES, model_type: 'roberta', architectures: ['RobertaForMaskedLM'], type_vocab_size: 1 },
  ...{ pad_token_id: 1, layer_norm_eps: 1e-5 },
};
const LONGFORMER: ConfigFields = {
  ...{ ...ROBERTA, model_type: 'longformer', architectures: ['LongformerForMaskedLM'] },
  attention_window: [4, 10, 16],
};

describe("BERT's family equals plain loops", () => {
  it.each<Case>([
    ['BERT', BERT],
    ['BERT with an untied head', { ...BERT, tie_word_embeddings: false, hidden_act: 'relu' }],
    ['BERT without a head', { ...BERT, architectures: ['BertModel'] }, { bare: true, dtype: 'F16' }],
    ['BERT of which no class is named', { ...BERT, architectures: undefined }, { dtype: 'BF16', shards: 3 }],
    ['BERT as a decoder', { ...BERT, architectures: ['BertLMHeadModel'], is_decoder: true }],
    ['RoBERTa', ROBERTA],
    [
      'RoBERTa with padding among its tokens',
      { ...ROBERTA, pad_token_id: IDS[7], max_position_embeddings: 130 },
    ],
    ['RoBERTa without a head', { ...ROBERTA, architectures: ['RobertaModel'] }, { bare: true }],
    ['Longformer', LONGFORMER],
    [
      'Longformer without a head',
      { ...LONGFORMER, attention_window: 8, architectures: ['LongformerModel'] },
      { bare: true, dtype: 'BF16' },
    ],
  ])('%s', async (_, fields, options) => {
    await expectEqual(executor, fields, options, directory => bertForward(directory, IDS));
  });

  it('counts the positions of RoBERTa from behind the padding', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, ROBERTA);
      const checkpoint = await openCheckpoint(folder);
      expect(checkpoint.info.context).toBe(78);
      const tooLong = decoder(checkpoint).embed(new Int32Array(79), executor);
      await expect(tooLong).rejects.toThrow('79 tokens; the model has learned positions for 78');
    });
  });

  it('does not predict the next token', async () => {
    await inFolder(async folder => {
      await writeRandomCheckpoint(folder, BERT);
      const { score, last, attention } = decoder(await openCheckpoint(folder));
      expect({ score, output: last.output, causal: attention(0).causal }).toEqual({
        ...{ score: undefined, output: 'logits', causal: false },
      });
    });
  });
});

const MODERNBERT: ConfigFields = {
  ...{ ...SIZES, model_type: 'modernbert', architectures: ['ModernBertForMaskedLM'], hidden_size: 40 },
  ...{ num_hidden_layers: 4, local_attention: 10 },
};

describe('ModernBERT equals plain loops', () => {
  it.each<Case>([
    ['with a tied head', { ...MODERNBERT, global_rope_theta: 1000, local_rope_theta: 100 }],
    [
      'with an untied head and every bias',
      {
        ...{ ...MODERNBERT, tie_word_embeddings: false, norm_bias: true, attention_bias: true },
        ...{ mlp_bias: true, classifier_bias: true, global_attn_every_n_layers: 2, local_rope_theta: null },
      },
      { dtype: 'BF16', shards: 2 },
    ],
    [
      'of newer configs',
      {
        ...{ ...MODERNBERT, decoder_bias: false, dtype: 'float16' },
        layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'sliding_attention'],
        rope_parameters: {
          full_attention: { rope_type: 'default', rope_theta: 3000 },
          sliding_attention: { rope_type: 'default', rope_theta: 70 },
        },
      },
      { dtype: 'F16' },
    ],
    ['without a head', { ...MODERNBERT, architectures: ['ModernBertModel'] }, { bare: true }],
  ])('%s', async (_, fields, options) => {
    await expectEqual(executor, fields, options, directory => modernbertForward(directory, IDS));
  });
});
