import { describe, expect, it } from 'vitest';
import { applyEdits, type Edit, type Placement } from '../../src/extension/staleness';
import { firstTouching, firstWhere, tokenAt, tokenOver } from '../../src/extension/tokens';
import type { TokenTable } from '../../src/protocol/inspection';

function table(...ranges: readonly (readonly [number, number])[]): TokenTable {
  return {
    ids: Int32Array.from(ranges, (_, index) => index),
    starts: Int32Array.from(ranges, range => range[0]),
    ends: Int32Array.from(ranges, range => range[1]),
  };
}

/** A start-of-text token, `ab`, `c`, an emoji split into three tokens, a gap of one character, `de`. */
const tokens = table([0, 0], [0, 2], [2, 3], [3, 5], [3, 5], [3, 5], [6, 8]);

describe('finding tokens', () => {
  it('finds what a plain scan finds, at every offset', () => {
    for (let offset = 0; offset <= 9; offset++) {
      const covering = [...tokens.starts.keys()].filter(
        token => tokens.starts[token]! <= offset && offset < tokens.ends[token]!,
      );
      expect(tokenOver(tokens, offset)).toBe(covering.at(-1));
      const before = [...tokens.starts.keys()].filter(
        token => tokens.starts[token]! <= offset && tokens.ends[token]! > tokens.starts[token]!,
      );
      expect(tokenAt(tokens, offset)).toBe(before.at(-1));
    }
  });

  it('takes the last of the tokens that split a character, and the one before a gap', () => {
    expect(tokenAt(tokens, 4)).toBe(5);
    expect(tokenAt(tokens, 5)).toBe(5);
    expect(tokenOver(tokens, 5)).toBeUndefined();
    expect(tokenAt(tokens, 8)).toBe(6);
  });

  it('finds none in an empty table or where only inserted tokens lie', () => {
    expect(tokenAt(table(), 0)).toBeUndefined();
    expect(tokenAt(table([0, 0]), 0)).toBeUndefined();
  });

  it('searches like a scan', () => {
    for (let answer = 0; answer <= 9; answer++) expect(firstWhere(9, index => index >= answer)).toBe(answer);
  });
});

describe('edits', () => {
  const whole: Placement = { base: 0, length: 8, whole: true, changedAt: undefined };
  const part: Placement = { base: 10, length: 8, whole: false, changedAt: undefined };
  const edit = (offset: number, removed: number, inserted: number): Edit => ({ offset, removed, inserted });

  it('keeps tokens that lie wholly before the change and do not touch it', () => {
    const { changedAt } = applyEdits(whole, [edit(3, 0, 1)]);
    expect(changedAt).toBe(3);
    // `c` ends where the change starts, so a new tokenisation could join them.
    expect(firstTouching(tokens, 3)).toBe(2);
    expect(firstTouching(tokens, 0)).toBe(0);
    expect(firstTouching(tokens, 8)).toBe(6);
  });

  it('remembers the earliest of several changes', () => {
    expect(applyEdits(whole, [edit(6, 1, 0), edit(2, 0, 4), edit(9, 1, 1)]).changedAt).toBe(2);
  });

  it('counts text added at the end of a whole document as a change', () => {
    expect(applyEdits(whole, [edit(8, 0, 3)])).toEqual({ base: 0, length: 11, whole: true, changedAt: 8 });
  });

  it('moves a selection with edits before it and ignores those after it', () => {
    expect(applyEdits(part, [edit(2, 1, 4), edit(0, 2, 0)])).toEqual({ ...part, base: 11 });
    expect(applyEdits(part, [edit(10, 0, 5)])).toEqual({ ...part, base: 15 });
    expect(applyEdits(part, [edit(18, 0, 5)])).toEqual(part);
  });

  it('grows and shrinks a selection with edits inside it', () => {
    expect(applyEdits(part, [edit(12, 2, 5)])).toEqual({ ...part, length: 11, changedAt: 2 });
    expect(applyEdits(part, [edit(16, 10, 0)])).toEqual({ ...part, length: 6, changedAt: 6 });
  });

  it('makes all of a selection stale when its start is overwritten', () => {
    expect(applyEdits(part, [edit(8, 4, 1)])).toEqual({ base: 8, length: 7, whole: false, changedAt: 0 });
    expect(applyEdits(part, [edit(5, 30, 0)])).toMatchObject({ base: 5, length: 0, changedAt: 0 });
  });

  it('ignores an edit that changes nothing', () => {
    expect(applyEdits(whole, [edit(3, 0, 0)])).toEqual(whole);
  });
});
