/** Position modifiers: what they do to the softmax of another variant, `inner`. */

import type { VariantInfo } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';
import { bigbird } from './bigbird';
import { blockTopk } from './block-topk';
import { blockwise } from './blockwise';
import { dense } from './dense';
import { documentMask } from './document-mask';
import { fixed } from './fixed';
import { local } from './local';
import { longformer } from './longformer';
import { moba } from './moba';
import type { Example, Layer, PlanNode, ReferenceInputs, Variant } from './primitives/mixer';
import { choice, type Params, type ParamSpecs, resolveParams } from './primitives/params';
import { quest } from './quest';
import { ring } from './ring';
import { snapkv } from './snapkv';
import { strided } from './strided';
import { verticalSlash } from './vertical-slash';

/**
 * Variants whose every row is one softmax through the primitives that know a layer's position term. Those
 * that choose keys by attention weights choose with it; those that choose by pooled keys, without.
 */
const INNER: Readonly<Record<string, Variant>> = Object.fromEntries(
  [
    dense,
    local,
    strided,
    fixed,
    blockwise,
    longformer,
    bigbird,
    verticalSlash,
    blockTopk,
    quest,
    snapkv,
    moba,
    ring,
    documentMask,
  ].map(inner => [inner.info.id, inner]),
);

const innerChoice = {
  inner: choice('dense', Object.keys(INNER), 'The variant whose softmax is modified.'),
};

/** What the inner variants take, each name once; bounds and default are those of the one chosen. */
const ofInner: ParamSpecs = Object.fromEntries(
  Object.values(INNER)
    .reverse()
    .flatMap(({ info }) => Object.entries(info.params))
    .map(([name, spec]) => {
      const takers = Object.keys(INNER).filter(id => Object.hasOwn(INNER[id]!.info.params, name));
      const every = takers.length === Object.keys(INNER).length;
      return [name, every ? spec : { ...spec, help: `With inner ${takers.join(', ')}: ${spec.help}` }];
    }),
);

type Chosen<S extends ParamSpecs> = Params<S> & { readonly causal: boolean };

/** A number for head, query and key. */
export type Entry = (h: number, i: number, j: number) => number;

interface Modifier<S extends ParamSpecs> extends Omit<VariantInfo, 'params' | 'cost' | 'tensors'> {
  readonly tensors?: VariantInfo['tensors'];
  /** Beside those of the inner variant. */
  readonly params: S;
  readonly distribution?: boolean;
  readonly examples: readonly Example[];
  /** The layer as the inner variant is to see it: with a position term, or with other queries and keys. */
  modified(layer: Layer, params: Chosen<S>): Layer;
  /** The scores by plain loops; `q.k * scale` when absent. */
  score?(inputs: ReferenceInputs, params: Chosen<S>): Entry;
  /** The factor on the weights by plain loops. */
  factor?(inputs: ReferenceInputs, params: Chosen<S>): Entry;
  /** What the modifier shows beside the inner variant's plan. */
  structure?(layer: Layer, params: Chosen<S>, query: number | undefined): readonly PlanNode[];
}

/** Whether a variant's softmax takes the position term of its layer, a model's cap on scores among it. */
export function takesScoreTerms({ info, takesScoreTerms: own = false }: Variant): boolean {
  return own || Object.hasOwn(INNER, info.id);
}

export function modifier<S extends ParamSpecs>(definition: Modifier<S>): Variant {
  const {
    modified,
    score,
    factor,
    structure,
    params: own,
    distribution = true,
    examples,
    ...info
  } = definition;
  const specs = { ...own, ...innerChoice };

  /** Parameters of the modifier, and the rest for the inner variant, which checks them. */
  function split(given: Readonly<Record<string, unknown>>) {
    const isOwn = ([name]: readonly [string, unknown]) => Object.hasOwn(specs, name);
    const entries = Object.entries(given);
    const values = resolveParams(info.id, specs, Object.fromEntries(entries.filter(isOwn)));
    const inner = INNER[values.inner]!;
    const rest = Object.fromEntries(entries.filter(entry => !isOwn(entry)));
    const unknown = Object.keys(rest).find(name => !Object.hasOwn(inner.info.params, name));
    if (unknown !== undefined) {
      const known = [...Object.keys(specs), ...Object.keys(inner.info.params)].join(', ');
      const who = `The variant '${info.id}' over '${inner.info.id}'`;
      throw new Problem(`${who} has no parameter '${unknown}'. It takes ${known}.`);
    }
    const { causal } = resolveParams(inner.info.id, inner.info.params, rest);
    return { inner, rest, params: { ...values, causal: causal !== false } };
  }

  return {
    info: { ...info, cost: 'inner', params: { ...specs, ...ofInner }, tensors: info.tensors ?? {} },
    distribution,
    examples,
    // A term may stretch with the document's length.
    isPrefixStable: () => false,
    takesScoreTerms: true,

    async open(layer, given) {
      const { inner, rest, params } = split(given);
      const shaped = modified(layer, params);
      const position = { ...layer.position, ...shaped.position };
      const mixer = await inner.open({ ...shaped, position }, rest);
      return {
        ...mixer,
        structure: query => [...(structure?.(layer, params, query) ?? []), ...mixer.structure(query)],
      };
    },

    reference(inputs, given) {
      const { inner, rest, params } = split(given);
      const m = inner.reference({ ...inputs, score: score?.(inputs, params) ?? inputs.score }, rest);
      const by = factor?.(inputs, params);
      const { tokens } = inputs;
      return by === undefined
        ? m
        : m.map((x, at) => {
            const row = Math.floor(at / tokens);
            return x * by(Math.floor(row / tokens), row % tokens, at % tokens);
          });
    },
  };
}
