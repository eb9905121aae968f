import { expect, test } from 'vitest';
import { Problem } from '../../src/protocol/problem';
import type { Answer } from '../../webview/latest';
import { Latest } from '../../webview/latest';

interface Pending {
  readonly name: string;
  readonly resolve: (value: string) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests that stay open until the test answers them. */
function requests(): { readonly open: Pending[]; readonly of: (name: string) => () => Promise<string> } {
  const open: Pending[] = [];
  return {
    open,
    of: name => () => new Promise((resolve, reject) => open.push({ name, resolve, reject })),
  };
}

const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 0));

function setUp() {
  const seen: Answer<string>[] = [];
  const { open, of } = requests();
  return { seen, open, of, latest: new Latest<string>(answer => seen.push(answer)) };
}

test('of many requests only the first and the newest are made', async () => {
  const { seen, open, of, latest } = setUp();
  for (let token = 0; token < 100; token++) latest.ask('a', of(String(token)));
  expect(open.map(({ name }) => name)).toEqual(['0']);
  open[0]!.resolve('row 0');
  await settle();
  expect(open.map(({ name }) => name)).toEqual(['0', '99']);
  open[1]!.resolve('row 99');
  await settle();
  expect(seen.at(-1)).toEqual({ kind: 'value', value: 'row 99' });
});

test('an answer of another inspection is dropped, and does not hold up the new one', async () => {
  const { seen, open, of, latest } = setUp();
  latest.ask('old', of('old'));
  latest.ask('new', of('new'));
  expect(open.map(({ name }) => name)).toEqual(['old', 'new']);
  open[1]!.resolve('new row');
  open[0]!.resolve('old row');
  await settle();
  expect(seen).toEqual([{ kind: 'value', value: 'new row' }]);
});

test('a refusal comes as its sentence, unless it is already overtaken', async () => {
  const { seen, open, of, latest } = setUp();
  latest.ask('a', of('1'));
  latest.ask('a', of('2'));
  open[0]!.reject(new Problem('Layer 3 is not computed yet.'));
  await settle();
  expect(seen).toEqual([]);
  open[1]!.reject(new Problem('The engine is closed; inspect the document again.'));
  await settle();
  expect(seen).toEqual([{ kind: 'problem', problem: 'The engine is closed; inspect the document again.' }]);
});

test('after forget nothing comes', async () => {
  const { seen, open, of, latest } = setUp();
  latest.ask('a', of('1'));
  latest.ask('a', of('2'));
  latest.forget();
  open[0]!.resolve('row');
  await settle();
  expect(seen).toEqual([]);
  expect(open).toHaveLength(1);
});

test('an answer that its view cannot draw becomes a sentence', async () => {
  const seen: Answer<string>[] = [];
  const latest = new Latest<string>(answer => {
    if (answer.kind === 'value') throw new TypeError('profile is undefined');
    seen.push(answer);
  });
  latest.ask('a', () => Promise.resolve('row'));
  await settle();
  expect(seen.map(answer => (answer.kind === 'problem' ? answer.problem : ''))).toEqual([
    'Longsight met a defect of its own: profile is undefined The log has the details.',
  ]);
});

test('an answer of another head by the time it comes is not shown, and the newest is still asked for', async () => {
  const { seen, open, of, latest } = setUp();
  let head = 0;
  const ask = (asked: number): void => {
    head = asked;
    latest.ask('a', of(`head ${asked}`), () => head === asked);
  };
  ask(0);
  ask(1);
  ask(2);
  open[0]!.resolve('head 0');
  await settle();
  expect(seen).toEqual([]);
  expect(open.map(({ name }) => name)).toEqual(['head 0', 'head 2']);
  open[1]!.resolve('head 2');
  await settle();
  expect(seen).toEqual([{ kind: 'value', value: 'head 2' }]);
});
