/** Texts of tokens, asked once and kept while the same inspection is shown. */

import type { HostApi, TokenText } from '../src/protocol/panel';
import { tokenText } from './format';

/** Kept at most; the oldest leave first. */
const LIMIT = 20_000;

/** Asked in one call, at most. */
const BATCH = 2_000;

export class Texts {
  private readonly known = new Map<number, TokenText>();
  private readonly asked = new Set<number>();
  private readonly host: HostApi;
  private scope: string | undefined;

  constructor(host: HostApi) {
    this.host = host;
  }

  /** Forgets everything when the inspection is another one. */
  enter(scope: string | undefined): void {
    if (scope === this.scope) return;
    this.scope = scope;
    this.known.clear();
    this.asked.clear();
  }

  of(token: number): TokenText | undefined {
    return this.known.get(token);
  }

  /** The token's text made legible; undefined while it is not known. */
  label(token: number, limit?: number): string | undefined {
    const text = this.known.get(token)?.text;
    return text === undefined ? undefined : tokenText(text, limit);
  }

  /** Fetches those that are missing; resolves to whether any came. */
  async need(tokens: Iterable<number>): Promise<boolean> {
    const missing = [...new Set(tokens)].filter(token => !this.known.has(token) && !this.asked.has(token));
    if (missing.length === 0) return false;
    const batch = missing.slice(0, BATCH);
    const { scope } = this;
    for (const token of batch) this.asked.add(token);
    try {
      const texts = await this.host.texts(batch);
      if (scope !== this.scope) return false;
      for (const text of texts) this.known.set(text.token, text);
      for (const token of this.known.keys()) {
        if (this.known.size <= LIMIT) break;
        this.known.delete(token);
      }
      return texts.length > 0;
    } catch {
      // Labels are an aid: the view that asked says what is wrong with the inspection itself.
      return false;
    } finally {
      for (const token of batch) this.asked.delete(token);
    }
  }
}
