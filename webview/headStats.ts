/** What is asked of the engine for the selected head: by a view when it is seen, and for exports. */

import type { HeadRef } from '../src/protocol/inspection';
import { STAT_NAMES } from '../src/protocol/inspection';
import type { TokenStats } from '../src/protocol/inspection';
import { Problem } from '../src/protocol/problem';
import type { Context } from './context';
import type { TableToCome } from './exports/table';
import { statsTable } from './exports/tables';
import type { Answer } from './latest';
import { Latest } from './latest';
import { dataOf } from './state';
import type { WhenSeen } from './whenSeen';

/** Fetches something of the selected head while `seen` is in view. Tells undefined when there is no inspection. */
export function watchHead<T>(
  { store }: Context,
  seen: WhenSeen,
  fetch: (head: HeadRef) => Promise<T>,
  act: (answer: Answer<T> | undefined) => void,
): void {
  const latest = new Latest<T>(act);
  store.watch(
    ({ state }) => {
      const data = dataOf(state);
      return data === undefined ? undefined : `${data} ${state?.selection.layer}/${state?.selection.head}`;
    },
    (key, { state }) => {
      if (key === undefined || state === undefined) {
        seen.forget();
        latest.forget();
        act(undefined);
        return;
      }
      const { layer, head } = state.selection;
      const scope = state.inspection?.id ?? '';
      seen.ask(() => latest.ask(scope, () => fetch({ layer, head })));
    },
  );
}

/** Every token of the selected head with all its statistics, fetched when the table is saved. */
export function allTokens({ host, store }: Context): TableToCome {
  const { layer = 0, head = 0 } = store.selection ?? {};
  const load = async () => {
    const stats = await host.stats({ layer, head }, STAT_NAMES);
    const lacking = STAT_NAMES.find(name => stats[name] === undefined);
    if (lacking === undefined) return statsTable(stats as TokenStats);
    throw new Problem(`The engine answered with no ${lacking} of the tokens; inspect the document again.`);
  };
  return { name: 'tokens', load };
}
