/** What every view is given. */

import type { HostApi, Selection } from '../src/protocol/panel';
import { sentence } from '../src/protocol/problem';
import type { Announcer } from './announce';
import type { Store } from './state';
import type { Texts } from './texts';
import type { Theme } from './theme';
import type { Tip } from './tip';

export class Context {
  readonly host: HostApi;
  readonly store: Store;
  readonly theme: Theme;
  readonly texts: Texts;
  readonly tip: Tip;
  readonly announcer: Announcer;

  constructor(parts: {
    readonly host: HostApi;
    readonly store: Store;
    readonly theme: Theme;
    readonly texts: Texts;
    readonly tip: Tip;
    readonly announcer: Announcer;
  }) {
    this.host = parts.host;
    this.store = parts.store;
    this.theme = parts.theme;
    this.texts = parts.texts;
    this.tip = parts.tip;
    this.announcer = parts.announcer;
  }

  /** While a run goes on, what cannot be shown yet is no problem. */
  get tone(): 'plain' | 'problem' {
    return this.store.model.state?.running === undefined ? 'problem' : 'plain';
  }

  /** Makes a call whose failure is shown in the header. */
  attempt(call: () => Promise<void>): void {
    call().then(
      () => {
        if (this.store.model.failure !== undefined) this.store.update({ failure: undefined });
      },
      (error: unknown) => this.store.update({ failure: sentence(error) }),
    );
  }

  /** Chooses head or token: shown at once, then told to the extension. */
  select(change: Partial<Selection>): void {
    const { state } = this.store.model;
    if (state === undefined) return;
    const selection = { ...state.selection, ...change };
    this.store.update({ state: { ...state, selection } });
    this.attempt(() => this.host.select(selection));
  }

  reveal(token: number): void {
    this.attempt(() => this.host.reveal(token));
  }
}
