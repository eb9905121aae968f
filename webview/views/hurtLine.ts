/** One of the tokens that the variant hurts: its text, what its row lost, and the way there. */

import type { Hurt, Row } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setText } from '../dom';
import { count, runningText, share, tokenText } from '../format';

/** Tokens before and after that a line quotes. */
const BEFORE = 6;
const AFTER = 3;
/** Characters before the token that stay where there is little room. */
const NEAR = 8;

/** Missed keys that a line names. */
const MISSED = 3;

export interface HurtLine {
  readonly hurt: Hurt;
  readonly element: HTMLElement;
  readonly text: HTMLButtonElement;
  /** @param unknown stands for the recall while there is no row. */
  write(row: Row | undefined, unknown?: string): void;
}

/** The tokens that a line quotes. */
export function around(token: number, total: number): readonly number[] {
  const from = Math.max(0, token - BEFORE);
  const to = Math.min(total, token + 1 + AFTER);
  return Array.from({ length: to - from }, (_, at) => from + at);
}

/** The token in its text, brought out. */
export function quoted({ texts, store }: Context, token: number): readonly (Node | string)[] {
  const near = around(token, store.range.total);
  const wordsOf = (from: number, to: number): string =>
    near
      .filter(each => each >= from && each < to)
      .map(each => runningText(texts.of(each)?.text ?? ''))
      .join('');
  const own = texts.of(token)?.text;
  const before = Array.from(wordsOf(0, token).trimStart());
  return [
    h('span', { class: 'before' }, before.slice(0, -NEAR).join('')),
    before.slice(-NEAR).join(''),
    h('strong', {}, own === undefined ? '…' : own === '' ? '(start)' : runningText(own)),
    wordsOf(token + 1, Infinity),
  ];
}

/** The keys that a line names. */
export function missedKeys({ against }: Row): readonly number[] {
  return (against?.missed ?? []).slice(0, MISSED).map(({ index }) => index);
}

/** @param most the greatest error of the list, which has the longest bar. */
export function createHurtLine(context: Context, hurt: Hurt, most: number): HurtLine {
  const { texts } = context;
  const { layer, head, token } = hurt;
  const text = h('button', {
    type: 'button',
    class: 'link token',
    title: `Select token ${count(token)} in layer ${layer}, head ${head}, and show it in the editor`,
  });
  const detail = h('span', { class: 'detail' });
  const recall = h('td', { class: 'number' });
  const bar = h('div', { class: 'meter' });
  bar.style.transform = `scaleX(${most > 0 ? hurt.error / most : 0})`;
  const element = h(
    'tr',
    {},
    h('th', { scope: 'row' }, text, detail),
    recall,
    h('td', { class: 'number weighed' }, bar, h('span', {}, share(hurt.error))),
  );
  element.addEventListener('click', () => {
    context.select({ layer, head, token });
    context.reveal(token);
  });

  function keyName(key: number): string {
    const whole = texts.of(key)?.text;
    if (whole === undefined) return '…';
    const bare = runningText(whole).trim();
    return bare === '' ? tokenText(whole) : tokenText(bare, 12);
  }

  return {
    hurt,
    element,
    text,
    write: (row, unknown = '…') => {
      text.replaceChildren(...quoted(context, token));
      const line = texts.of(token)?.line;
      const missed = (row?.against?.missed ?? [])
        .slice(0, MISSED)
        .map(({ index, weight }) =>
          h('span', {}, ` ‘${keyName(index)}’\u00a0${share(weight).replace(' ', '\u00a0')}`),
        );
      const place = `L${layer} H${head}${line === undefined ? '' : `, line ${count(line)}`}`;
      detail.replaceChildren(place, ...(missed.length === 0 ? [] : ['; missed', ...missed]));
      setText(recall, row?.against === undefined ? unknown : share(row.against.recall));
    },
  };
}
