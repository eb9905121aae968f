/** Phi-3 (arXiv 2404.14219): a Mistral with fused projections, and rotations stretched by LongRoPE. */

import * as v from 'valibot';
import { architecture } from '../architecture';
import { check, epsilon, size } from '../configFields';
import { gatedDecoder } from '../gatedDecoder';
import { ALIKE_FIELDS, readAlike } from './mistral';

const Schema = v.looseObject({
  ...ALIKE_FIELDS,
  max_position_embeddings: v.optional(size(2 ** 31), 4096),
  original_max_position_embeddings: v.nullish(size(2 ** 31), 4096),
  rms_norm_eps: v.optional(epsilon, 1e-5),
});

const MEMBER = {
  ...{ type: 'phi3', family: 'Phi3', share: 1 },
  renamed: { su: 'longrope', yarn: 'longrope' },
};

export const phi3 = architecture('phi3', 'Phi3', gatedDecoder, (json, where) => ({
  ...readAlike(check(Schema, json, where), MEMBER, where),
  fused: true,
}));
