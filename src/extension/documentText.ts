/** Refuses texts that no model should read, before anything is sent. */

import { Problem } from '../protocol/problem';

/** The longest text that is sent to the engine, in characters. */
export const MAX_CHARACTERS = 32_000_000;

/** @throws {Problem} when the document is too large; called before its text is copied. */
export function checkLength(name: string, characters: number): void {
  if (characters > MAX_CHARACTERS) {
    throw new Problem(
      `${name} has ${characters.toLocaleString('en')} characters; Longsight reads at most ${MAX_CHARACTERS.toLocaleString('en')}. Select a part and inspect the selection.`,
    );
  }
}

/** @throws {Problem} when the text is empty or binary. */
export function checkText(name: string, text: string): void {
  if (text === '')
    throw new Problem(`${name} is empty; there is no token to inspect. Write or open some text first.`);
  if (text.includes('\0')) {
    throw new Problem(
      `${name} holds NUL characters, as binary files do; Longsight inspects text. Open a text document.`,
    );
  }
}
