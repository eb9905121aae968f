/** The statistics of every token of the selected head, fetched once for all the views that show them. */

import type { TokenStats } from '../src/protocol/inspection';
import type { Context } from './context';
import type { Answer } from './latest';
import { Latest } from './latest';
import { dataOf } from './state';

type Listener = (answer: Answer<TokenStats> | undefined) => void;

export class HeadStats {
  private readonly listeners = new Set<Listener>();

  constructor({ store, host }: Context) {
    const latest = new Latest<TokenStats>(answer => this.tell(answer));
    store.watch(
      ({ state }) => {
        const data = dataOf(state);
        return data === undefined ? undefined : `${data} ${state?.selection.layer}/${state?.selection.head}`;
      },
      (key, { state }) => {
        if (key === undefined || state === undefined) {
          latest.forget();
          this.tell(undefined);
          return;
        }
        const { layer, head } = state.selection;
        latest.ask(state.inspection?.id ?? '', () => host.stats({ layer, head }));
      },
    );
  }

  /** Calls `act` with every answer that comes; undefined when there is no inspection. */
  watch(act: Listener): void {
    this.listeners.add(act);
    act(undefined);
  }

  private tell(answer: Answer<TokenStats> | undefined): void {
    for (const listener of this.listeners) listener(answer);
  }
}
