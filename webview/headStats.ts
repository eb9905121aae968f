/** Statistics of every token of the selected head: those that a view shows, when it shows them. */

import type { HeadRef, StatName, TokenStats } from '../src/protocol/inspection';
import { STAT_NAMES } from '../src/protocol/inspection';
import { Problem } from '../src/protocol/problem';
import type { Context } from './context';
import type { TableToCome } from './exports/table';
import { statsTable } from './exports/tables';
import type { Answer } from './latest';
import { Latest } from './latest';
import type { Model } from './state';
import { dataOf } from './state';
import type { WhenSeen } from './whenSeen';

export type StatsOf<K extends StatName> = Pick<TokenStats, K>;

/**
 * Fetches the statistics named for the current model while `seen` is in view. Tells undefined when there is
 * no inspection.
 */
export function watchStats<K extends StatName>(
  context: Context,
  seen: WhenSeen,
  names: (model: Model) => readonly K[],
  act: (answer: Answer<StatsOf<K>> | undefined) => void,
): void {
  const { store } = context;
  const latest = new Latest<StatsOf<K>>(act);
  store.watch(
    model => {
      const data = dataOf(model.state);
      const { layer, head } = model.state?.selection ?? {};
      return data === undefined ? undefined : `${data} ${layer}/${head} ${names(model).join()}`;
    },
    (key, model) => {
      const { state } = model;
      if (key === undefined || state === undefined) {
        seen.forget();
        latest.forget();
        act(undefined);
        return;
      }
      const { layer, head } = state.selection;
      const wanted = names(model);
      const scope = state.inspection?.id ?? '';
      seen.ask(() => latest.ask(scope, () => fetchStats(context, { layer, head }, wanted)));
    },
  );
}

/** Every token of the selected head with all its statistics, fetched when the table is saved. */
export function allTokens(context: Context): TableToCome {
  const { layer = 0, head = 0 } = context.store.selection ?? {};
  const load = async () => statsTable(await fetchStats(context, { layer, head }, STAT_NAMES));
  return { name: 'tokens', load };
}

async function fetchStats<K extends StatName>(
  { host }: Context,
  head: HeadRef,
  names: readonly K[],
): Promise<StatsOf<K>> {
  const stats = await host.stats(head, names);
  const lacking = names.find(name => stats[name] === undefined);
  if (lacking === undefined) return stats as StatsOf<K>;
  throw new Problem(`The engine answered with no ${lacking} of the tokens; inspect the document again.`);
}
