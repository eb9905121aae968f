/** Rotary embedding as configs name it: `rope_theta`, `rope_scaling`, or both in `rope_parameters`. */

import * as v from 'valibot';
import { Problem } from '../../protocol/problem';
import type { RopeScaling } from '../math/rotary';

export type { RopeScaling } from '../math/rotary';

/** How one layer rotates its queries and keys. */
export interface Rope {
  readonly theta: number;
  readonly scaling: RopeScaling;
  /** How many of a head's numbers are rotated, its first; even. */
  readonly width: number;
  /** What frequencies are counted over: `width`, or one less where the rotated share of a head came out odd. */
  readonly period: number;
}

const ratio = v.nullish(v.pipe(v.number(), v.finite(), v.gtValue(0)));
const length = v.nullish(v.pipe(v.number(), v.minValue(1)));
const ratios = v.nullish(v.array(v.pipe(v.number(), v.finite(), v.gtValue(0))));

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
  short_factor: ratios,
  long_factor: ratios,
  partial_rotary_factor: ratio,
});

/** Some configs have one rotation for sliding layers and one for full ones. */
const ParametersSchema = v.looseObject({
  ...RopeSchema.entries,
  full_attention: v.nullish(RopeSchema),
  sliding_attention: v.nullish(RopeSchema),
});

/** The fields of a config that `readRope` reads. */
export const ROPE_FIELDS = {
  rope_theta: ratio,
  rope_scaling: v.nullish(RopeSchema),
  rope_parameters: v.nullish(ParametersSchema),
  partial_rotary_factor: ratio,
  original_max_position_embeddings: length,
};

type RawRope = v.InferOutput<typeof RopeSchema>;
type RawFields = v.InferOutput<v.ObjectSchema<typeof ROPE_FIELDS, undefined>>;

/** What an architecture takes where its config is silent, and what else decides. */
export interface RopeDefaults {
  readonly theta?: number;
  /** The share of a head that is rotated; absent where the architecture rotates whole heads. */
  readonly share?: number;
  readonly headDim: number;
  /** `max_position_embeddings` */
  readonly context: number;
  /** Which rotation is meant, where a config has two. */
  readonly layers?: 'full_attention' | 'sliding_attention';
  /** Names that scalings had in the past. */
  readonly renamed?: Readonly<Record<string, string>>;
}

/** @throws Problem naming the kind or the field that is missing, unknown or not the architecture's. */
export function readRope(raw: RawFields, defaults: RopeDefaults, where: string): Rope {
  const field = raw.rope_parameters ? 'rope_parameters' : 'rope_scaling';
  const nested = defaults.layers && raw.rope_parameters?.[defaults.layers];
  const rope = nested ?? raw.rope_parameters ?? raw.rope_scaling;
  const period = rotated(rope?.partial_rotary_factor ?? raw.partial_rotary_factor, defaults, where);
  const scaling: RopeScaling = rope
    ? readScaling(rope, period, raw, defaults, `${where}: ${field}`)
    : { type: 'default' };
  const width = 2 * Math.ceil(period / 2);
  const isWhole = scaling.type === 'yarn' || scaling.type === 'longrope';
  if (period < 1 || width > defaults.headDim || (isWhole && period !== width)) {
    const share = period === defaults.headDim ? '' : `, of which ${period} numbers are rotated`;
    throw new Problem(
      `${where}: head_dim is ${defaults.headDim}${share}; rotary embedding needs an even number.`,
    );
  }
  const theta = rope?.rope_theta ?? raw.rope_theta ?? defaults.theta ?? 10000;
  return { theta, scaling, width, period };
}

/** How many numbers of a head the config has rotated, before they are rounded up to pairs. */
function rotated(share: number | null | undefined, { headDim, share: usual }: RopeDefaults, where: string) {
  const given = share ?? usual ?? 1;
  if (usual !== undefined || given === 1) return Math.floor(headDim * given);
  throw new Problem(`${where}: partial_rotary_factor is ${given}; this architecture rotates whole heads.`);
}

function readScaling(
  rope: RawRope,
  period: number,
  raw: RawFields,
  { context, renamed = {} }: RopeDefaults,
  where: string,
): RopeScaling {
  const given = rope.rope_type ?? rope.type ?? 'default';
  const type = renamed[given] ?? given;
  const need = (name: keyof RawRope & string): number => {
    const value = rope[name];
    if (typeof value === 'number') return value;
    throw new Problem(`${where}.${name} is missing; rope type "${type}" needs a number there.`);
  };
  const original = rope.original_max_position_embeddings ?? raw.original_max_position_embeddings ?? context;
  switch (type) {
    case 'default':
      return { type };
    case 'linear':
      return { type, factor: need('factor') };
    case 'dynamic':
      return { type, factor: need('factor'), originalMaxPositionEmbeddings: context };
    case 'yarn':
      return readYarn(rope, original, rope.factor ?? context / original, where);
    case 'longrope': {
      const trained = raw.original_max_position_embeddings ?? original;
      const ratio = context / trained;
      // Older configs state the trained length beside the scaling, and the ratio counts, whatever the factor.
      const isOlder = !raw.rope_parameters && raw.original_max_position_embeddings;
      const factor = isOlder ? ratio : (rope.factor ?? ratio);
      return readLongrope(rope, Math.ceil(period / 2), trained, factor, where);
    }
    case 'llama3':
      return {
        type,
        factor: need('factor'),
        lowFreqFactor: need('low_freq_factor'),
        highFreqFactor: need('high_freq_factor'),
        originalMaxPositionEmbeddings: original,
      };
  }
  throw new Problem(
    `${where} has type ${JSON.stringify(given)}; Longsight knows default, linear, dynamic, yarn, longrope ` +
      'and llama3.',
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

function readLongrope(
  rope: RawRope,
  pairs: number,
  original: number,
  factor: number,
  where: string,
): RopeScaling {
  const list = (name: 'short_factor' | 'long_factor'): readonly number[] => {
    const values = rope[name];
    if (values?.length === pairs) return values;
    const found = values ? `${values.length} numbers` : 'nothing';
    throw new Problem(`${where}.${name} holds ${found}; expected ${pairs}, one for each rotated pair.`);
  };
  const softened = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  return {
    type: 'longrope',
    shortFactor: list('short_factor'),
    longFactor: list('long_factor'),
    originalMaxPositionEmbeddings: original,
    attentionFactor: rope.attention_factor ?? softened,
  };
}
