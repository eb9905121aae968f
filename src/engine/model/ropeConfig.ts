/** Rotary embedding as configs name it: `rope_theta`, `rope_scaling`, or both in `rope_parameters`. */

import * as v from 'valibot';
import { Problem } from '../../protocol/problem';
import type { RopeScaling } from '../math/rotary';

export type { RopeScaling } from '../math/rotary';

const ratio = v.nullish(v.pipe(v.number(), v.finite(), v.gtValue(0)));
const length = v.nullish(v.pipe(v.number(), v.minValue(1)));

const RopeSchema = v.looseObject({
  rope_type: v.nullish(v.string()),
  type: v.nullish(v.string()),
  rope_theta: ratio,
  factor: ratio,
  original_max_position_embeddings: length,
  beta_fast: ratio,
  beta_slow: ratio,
  attention_factor: ratio,
  mscale: ratio,
  mscale_all_dim: ratio,
  truncate: v.nullish(v.boolean()),
  low_freq_factor: ratio,
  high_freq_factor: ratio,
  partial_rotary_factor: ratio,
});

/** The fields of a config that `readRope` reads. */
export const ROPE_FIELDS = {
  rope_theta: ratio,
  rope_scaling: v.nullish(RopeSchema),
  rope_parameters: v.nullish(RopeSchema),
  partial_rotary_factor: ratio,
};

type RawRope = v.InferOutput<typeof RopeSchema>;
type RawFields = v.InferOutput<v.ObjectSchema<typeof ROPE_FIELDS, undefined>>;

/** @throws Problem naming the kind or the field that is missing or unknown. */
export function readRope(
  raw: RawFields,
  context: number,
  where: string,
): { ropeTheta: number; ropeScaling: RopeScaling } {
  const field = raw.rope_parameters ? 'rope_parameters' : 'rope_scaling';
  const rope = raw.rope_parameters ?? raw.rope_scaling;
  const share = raw.partial_rotary_factor ?? rope?.partial_rotary_factor ?? 1;
  if (share !== 1) {
    throw new Problem(`${where}: partial_rotary_factor is ${share}; Longsight rotates whole heads (1) only.`);
  }
  return {
    ropeTheta: rope?.rope_theta ?? raw.rope_theta ?? 10000,
    ropeScaling: rope ? readScaling(rope, context, `${where}: ${field}`) : { type: 'default' },
  };
}

function readScaling(rope: RawRope, context: number, where: string): RopeScaling {
  const type = rope.rope_type ?? rope.type ?? 'default';
  const need = (name: keyof RawRope & string): number => {
    const value = rope[name];
    if (typeof value === 'number') return value;
    throw new Problem(`${where}.${name} is missing; rope type "${type}" needs a number there.`);
  };
  const original = rope.original_max_position_embeddings ?? context;
  switch (type) {
    case 'default':
      return { type };
    case 'linear':
      return { type, factor: need('factor') };
    case 'dynamic':
      return { type, factor: need('factor'), originalMaxPositionEmbeddings: original };
    case 'yarn':
      return readYarn(rope, original, rope.factor ?? context / original, where);
    case 'llama3':
      return {
        type,
        factor: need('factor'),
        lowFreqFactor: need('low_freq_factor'),
        highFreqFactor: need('high_freq_factor'),
        originalMaxPositionEmbeddings: need('original_max_position_embeddings'),
      };
  }
  throw new Problem(
    `${where} has type ${JSON.stringify(type)}; Longsight knows default, linear, dynamic, yarn and llama3.`,
  );
}

function readYarn(rope: RawRope, original: number, factor: number, where: string): RopeScaling {
  const betaFast = rope.beta_fast ?? 32;
  const betaSlow = rope.beta_slow ?? 1;
  if (betaFast < betaSlow) {
    throw new Problem(`${where}.beta_fast is ${betaFast}; expected at least beta_slow, ${betaSlow}.`);
  }
  const stretch = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const scaled =
    rope.mscale && rope.mscale_all_dim ? stretch(rope.mscale) / stretch(rope.mscale_all_dim) : stretch(1);
  return {
    type: 'yarn',
    factor,
    originalMaxPositionEmbeddings: original,
    betaFast,
    betaSlow,
    attentionFactor: rope.attention_factor ?? scaled,
    truncate: rope.truncate ?? true,
  };
}
