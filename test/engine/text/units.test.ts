import { describe, expect, it } from 'vitest';
import { unitsOf } from '../../../src/engine/text/units';
import type { UnitKind } from '../../../src/engine/text/units';
import { openTokenizer } from '../../../src/engine/text/tokenizer';
import { LAB_BASE } from '../../support/folders';

/** The tokens of each unit as text. */
async function grouped(text: string, kind: UnitKind): Promise<string[]> {
  const table = (await openTokenizer(LAB_BASE, 4096)).encode(text);
  const units = unitsOf(text, table, kind);
  const parts: string[] = [];
  let end = 0;
  units.forEach((unit, t) => {
    expect(unit).toBeGreaterThanOrEqual(parts.length - 1);
    expect(unit).toBeLessThanOrEqual(parts.length);
    if (unit === parts.length) parts.push('');
    parts[unit]! += text.slice(Math.max(end, table.starts[t]!), table.ends[t]);
    end = table.ends[t]!;
  });
  expect(parts.join('')).toBe(text);
  return parts;
}

describe('units of a document', () => {
  it('cuts paragraphs at blank lines', async () => {
    expect(await grouped('One.\nStill one.\n\nTwo.\n \t\nThree.\n\n\n\nFour.', 'paragraph')).toEqual([
      'One.\nStill one.\n\n',
      'Two.\n \t\n',
      'Three.\n\n\n\n',
      'Four.',
    ]);
  });

  it('cuts paragraphs at blank lines of Windows', async () => {
    expect(await grouped('One.\r\nStill.\r\n\r\nTwo.', 'paragraph')).toEqual([
      'One.\r\nStill.\r\n\r\n',
      'Two.',
    ]);
  });

  it('cuts sentences, and never joins two paragraphs', async () => {
    expect(await grouped('First one. Second one! A heading\n\nthird goes on', 'sentence')).toEqual([
      'First one.',
      ' Second one!',
      ' A heading\n\n',
      'third goes on',
    ]);
  });

  it('cuts words, spaces going with the word after them', async () => {
    expect(await grouped('The naïve cat, sat', 'word')).toEqual(['The', ' naïve', ' cat', ',', ' sat']);
  });

  it('keeps one unit when there is nothing to cut', async () => {
    expect(await grouped('word', 'sentence')).toEqual(['word']);
    expect(
      unitsOf('', { ids: new Int32Array(), starts: new Int32Array(), ends: new Int32Array() }, 'word'),
    ).toEqual(new Int32Array());
  });

  it('starts at 0 when blank lines come first', async () => {
    expect(await grouped('\n\nText here.\n\nMore.', 'paragraph')).toHaveLength(3);
    expect((await grouped('  indented words', 'word')).at(-1)).toBe(' words');
  });

  it('does not split long text at other places than short text', async () => {
    const line = 'A sentence with words. Another sentence follows it closely. ';
    const sentences = await grouped(line.repeat(200), 'sentence');
    expect(sentences).toHaveLength(400);
    expect(new Set(sentences.map(part => part.trim())).size).toBe(2);
    const words = await grouped(line.repeat(200), 'word');
    expect(words.filter(word => word === ' sentence')).toHaveLength(400);
    expect(new Set(words.map(word => word.trim())).size).toBe(9);
  });

  it('joins the lines of wrapped prose, and keeps lines of code apart', async () => {
    const prose =
      'This sentence is long enough that its author broke it\nover two lines. The next one is short.';
    expect(await grouped(prose, 'sentence')).toHaveLength(2);
    expect(await grouped(prose.replace('\n', '\r\n'), 'sentence')).toHaveLength(2);
    expect(await grouped('const a = 1;\nconst b = 2;\nreturn a + b;', 'sentence')).toHaveLength(3);
  });

  it('gives inserted tokens the unit where they stand', () => {
    const table = {
      ids: Int32Array.of(0, 5, 6, 0),
      starts: Int32Array.of(0, 0, 3, 6),
      ends: Int32Array.of(0, 3, 6, 6),
    };
    expect([...unitsOf('one\n\nx', table, 'paragraph')]).toEqual([0, 0, 1, 1]);
  });
});
