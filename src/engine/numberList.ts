import { Problem } from '../protocol/problem';

/**
 * Numbers from words such as `all` or `0, 2-3`.
 *
 * @param count one more than the largest number.
 * @param what the numbers are of, such as `layers`.
 * @throws Problem for other words, and for numbers that there are not.
 */
export function numberList(words: string, count: number, what: string): readonly number[] {
  if (words.trim() === 'all') return Array.from({ length: count }, (_, index) => index);
  return words.split(',').flatMap(word => {
    const [, from, to = from] = /^\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*$/.exec(word) ?? [];
    const first = Number(from);
    const last = Number(to);
    if (from === undefined || first > last || last >= count) {
      throw new Problem(
        `The ${what} '${words}' cannot be read: expected 'all' or numbers and ranges from 0 to ${count - 1}, such as '0, 2-3'.`,
      );
    }
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}
