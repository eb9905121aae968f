/** The whole model with a candidate in every layer, for the change in its loss. */

import type { CandidateResult } from '../../protocol/comparison';
import { EVERYWHERE } from '../../protocol/inspection';
import { changedTokens } from './changedTokens';
import { type Hooks, run } from '../inspect';
import { Inspection } from '../inspection';
import { scheduleLayers } from '../schedule';
import type { TensorStore } from '../tensorStore';

/**
 * Runs the baseline's model over the baseline's tokens again, on the same device. A dump has no model to run,
 * and its results come back as they are.
 *
 * @param store holds the queries, keys and values of the run; closed when it ends.
 */
export async function runLive(
  result: CandidateResult,
  baseline: Inspection,
  store: TensorStore,
  hooks: Hooks,
): Promise<CandidateResult> {
  try {
    const { subject } = baseline;
    if (result.problem !== undefined || subject.decoder === undefined) return result;
    const { variant } = result;
    const inspection = new Inspection({
      ...subject,
      choice: variant,
      schedule: EVERYWHERE,
      layers: scheduleLayers({ variant, schedule: EVERYWHERE }, subject.own),
      store,
      logits: undefined,
    });
    const { executor } = baseline.layers[0]!.layer;
    await run({ inspection, ready: undefined }, { executor }, hooks);
    const { loss, seconds } = inspection.summary();
    const lossChange = inspection.losses.map((value, token) => value - baseline.losses[token]!);
    const hurt = loss === undefined ? result.hurt : changedTokens(result.tokenError, lossChange);
    return { ...result, hurt, live: { loss, lossChange, seconds } };
  } finally {
    await store.close();
  }
}
