/** From a comparison over budgets: the smallest one with which each head keeps a chosen recall. */

import type { CandidateResult, Comparison } from '../protocol/comparison';
import type { LayerVariant, ParamValue, Schedule } from '../protocol/inspection';

export interface HeadBudget {
  readonly layer: number;
  readonly head: number;
  /** The smallest value that keeps the recall; undefined where none does. */
  readonly value: ParamValue | undefined;
  /** At that value, or at the largest. */
  readonly recall: number;
}

/**
 * @param param whose values the candidates differ in; smaller is cheaper.
 * @param target share of the own attention's mass to keep, 0 to 1.
 */
export function headBudgets(
  { layers, heads, candidates }: Comparison,
  param: string,
  target: number,
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
    };
  });
}

/**
 * A layer takes what its neediest head needs, and stays as it is where no value is enough.
 *
 * @param id of the variant that was swept.
 */
export function scheduleOf(budgets: readonly HeadBudget[], id: string, param: string): Schedule {
  const layers = new Map<number, number>();
  for (const { layer, value } of budgets) {
    layers.set(layer, Math.max(layers.get(layer) ?? 0, value === undefined ? Infinity : Number(value)));
  }
  const others: LayerVariant[] = [...layers]
    .filter(([, value]) => value !== Infinity)
    .map(([layer, value]) => ({ layers: String(layer), variant: { id, params: { [param]: value } } }));
  return { mode: 'live', layers: 'all', others };
}

function valueOf({ variant }: CandidateResult, param: string): number {
  return Number(variant.params[param]);
}
