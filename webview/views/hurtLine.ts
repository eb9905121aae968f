/** One of the tokens that the variant hurts: its text, what its row lost, and the way there. */

import type { Hurt, Row } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setText } from '../dom';
import { count, runningText, share, tokenText } from '../format';

/** Tokens before and after that a line quotes. */
const BEFORE = 6;
const AFTER = 3;

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

/** The keys that a line names. */
export function missedKeys({ against }: Row): readonly number[] {
  return (against?.missed ?? []).slice(0, MISSED).map(({ index }) => index);
}

/** @param most the greatest error of the list, which has the longest bar. */
export function createHurtLine(context: Context, hurt: Hurt, most: number): HurtLine {
  const { texts, store } = context;
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

  const wordsOf = (tokens: readonly number[]): string =>
    tokens.map(each => runningText(texts.of(each)?.text ?? '')).join('');

  function quote(): void {
    const near = around(token, store.range.total);
    const own = texts.of(token)?.text;
    text.replaceChildren(
      h('span', { class: 'before' }, wordsOf(near.filter(each => each < token))),
      h('strong', {}, own === undefined ? '…' : own === '' ? '(start)' : runningText(own)),
      wordsOf(near.filter(each => each > token)),
    );
  }

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
      quote();
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
