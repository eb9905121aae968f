/** From a comparison over budgets: the smallest one with which each head keeps a chosen recall. */

import type { CandidateResult, Comparison, HeadBudget, HeadKind } from '../../protocol/comparison';
import type { LayerVariant, ParamValue, Schedule, VariantChoice } from '../../protocol/inspection';

/** What heads do in the model's own attention: `[L * H]` means over tokens, as in `StatName`. */
export interface Habits {
  readonly span: ArrayLike<number>;
  readonly sink: ArrayLike<number>;
}

/** Mean mass on the first tokens from which on a head is a sink. */
const SINK_MASS = 0.5;
/** Mean span, as a share of the mean context, up to which a head is local. */
const LOCAL_SPAN = 1 / 8;

/**
 * @param param whose values the candidates differ in; smaller is cheaper.
 * @param target share of the own attention's mass to keep, 0 to 1.
 */
export function headBudgets(
  { tokens, layers, heads, candidates }: Pick<Comparison, 'tokens' | 'layers' | 'heads' | 'candidates'>,
  param: string,
  target: number,
  habits: Habits,
): readonly HeadBudget[] {
  const rising = candidates
    .filter(({ problem }) => problem === undefined)
    .sort((a, b) => valueOf(a, param) - valueOf(b, param));
  return Array.from({ length: layers * heads }, (_, at) => {
    const enough = rising.find(({ recall }) => recall[at]! >= target);
    const place = { layer: Math.floor(at / heads), head: at % heads };
    return {
      ...place,
      value: enough?.variant.params[param],
      recall: (enough ?? rising.at(-1))?.recall[at] ?? NaN,
      kind: kindOf(habits.span[at]!, habits.sink[at]!, tokens),
    };
  });
}

/** @param tokens `N`; a causal query sees half as many in the mean. */
export function kindOf(span: number, sink: number, tokens: number): HeadKind {
  if (sink >= SINK_MASS) return 'sink';
  return span <= (LOCAL_SPAN * (tokens + 1)) / 2 ? 'local' : 'retrieving';
}

/**
 * A layer takes what its neediest head needs, and stays as it is where no value is enough.
 *
 * @param swept one of the candidates: all but `param` is taken from it.
 */
export function scheduleOf(
  budgets: readonly Pick<HeadBudget, 'layer' | 'value'>[],
  swept: VariantChoice,
  param: string,
): Schedule {
  const layers = new Map<number, number>();
  for (const { layer, value } of budgets) {
    layers.set(layer, Math.max(layers.get(layer) ?? 0, value === undefined ? Infinity : Number(value)));
  }
  const others: LayerVariant[] = [...layers]
    .filter(([, value]) => value !== Infinity)
    .map(([layer, value]) => ({
      layers: String(layer),
      variant: { id: swept.id, params: { ...swept.params, [param]: value } },
    }));
  return { mode: 'live', layers: 'all', others };
}

/** What the candidates have for the parameter, ascending. */
export function valuesOf(candidates: readonly CandidateResult[], param: string): readonly ParamValue[] {
  return candidates.map(candidate => valueOf(candidate, param)).sort((a, b) => a - b);
}

function valueOf({ variant }: CandidateResult, param: string): number {
  return Number(variant.params[param]);
}
