/** Requests of which only the newest matters: at most one under way, at most one waiting. */

import { sentence } from '../src/protocol/problem';

export type Answer<T> =
  { readonly kind: 'value'; readonly value: T } | { readonly kind: 'problem'; readonly problem: string };

interface Wanted<T> {
  readonly scope: string;
  readonly fetch: () => Promise<T>;
  readonly holds: () => boolean;
}

/**
 * Asks for things that the user passes by faster than they arrive. While a request is under way only
 * the newest later one is remembered. A `scope` names what answers are comparable (one inspection):
 * when it changes, an answer of the old scope is dropped and the new request starts at once. Within a
 * scope a late answer is shown for as long as it `holds`, so that a held arrow key shows something on its
 * way; one that is of another head by then is dropped.
 */
export class Latest<T> {
  private running: Wanted<T> | undefined;
  private waiting: Wanted<T> | undefined;

  private readonly deliver: (answer: Answer<T>) => void;

  constructor(deliver: (answer: Answer<T>) => void) {
    this.deliver = deliver;
  }

  /** @param holds whether the answer may still be shown when it comes */
  ask(scope: string, fetch: () => Promise<T>, holds: () => boolean = () => true): void {
    const wanted = { scope, fetch, holds };
    if (this.running?.scope === scope) this.waiting = wanted;
    else void this.start(wanted);
  }

  /** Drops whatever is under way or waiting. */
  forget(): void {
    this.running = undefined;
    this.waiting = undefined;
  }

  private async start(wanted: Wanted<T>): Promise<void> {
    this.running = wanted;
    this.waiting = undefined;
    let answer: Answer<T>;
    try {
      answer = { kind: 'value', value: await wanted.fetch() };
    } catch (error) {
      answer = { kind: 'problem', problem: sentence(error) };
    }
    this.finish(wanted, answer);
  }

  private finish(wanted: Wanted<T>, answer: Answer<T>): void {
    if (this.running !== wanted) return;
    const { waiting } = this;
    this.running = undefined;
    // A failure that is already overtaken would only flicker.
    if (wanted.holds() && (answer.kind === 'value' || waiting === undefined)) this.hand(answer);
    if (waiting !== undefined) void this.start(waiting);
  }

  /** An answer of an unexpected shape breaks its view's drawing: that too is told, not left blank. */
  private hand(answer: Answer<T>): void {
    try {
      this.deliver(answer);
    } catch (error) {
      this.deliver({ kind: 'problem', problem: sentence(error) });
    }
  }
}
