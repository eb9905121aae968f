import { describe, expect, it } from 'vitest';
import { compact } from '../../src/extension/compact';
import { panelPage } from '../../src/extension/panelPage';
import { EVERYWHERE } from '../../src/protocol/inspection';
import { MAP_ROWS } from '../../src/protocol/map';
import { FILE_LIMIT } from '../../src/protocol/panel';
import { readMessage } from '../../src/extension/panelMessages';

/** What arrives when a page posts `message`: it travels as JSON. */
function arrive(message: unknown): ReturnType<typeof readMessage> {
  return readMessage(JSON.parse(JSON.stringify(message)));
}

function call(method: string, ...args: readonly unknown[]): ReturnType<typeof readMessage> {
  return arrive({ t: 'q', i: '7', m: method, a: args });
}

const SERIES = { layer: 0, head: 1, stat: 'span', tokens: { start: 0, end: 8192 }, step: 2, greatest: 16 };

const TILE = {
  layer: 0,
  head: 1,
  queries: { start: 64, end: 128 },
  keys: { start: 0, end: 256 },
  queryStep: 2,
  keyStep: 1,
  samples: 1,
  against: true,
};

describe('messages from the panel', () => {
  it.each([
    ['state'],
    ['run', 'chooseModel'],
    ['select', { layer: 1, head: 2, token: 5, pinned: true }],
    [
      'setVariant',
      { id: 'local', params: { window: 8, causal: true, mode: 'a' } },
      { mode: 'shadow', layers: '0, 2-3', others: [{ layers: '1', variant: { id: 'topk', params: {} } }] },
    ],
    ['reveal', 0],
    ['overview'],
    ['stats', { layer: 0, head: 0 }, ['span', 'sink']],
    ['series', SERIES],
    ['dilution', { layer: 1, head: 0 }],
    ['rows', [{ layer: 0, head: 0, token: 3 }], 400],
    ['structure', { layer: 0, head: 0, token: 3 }],
    ['memory', { layer: 0, head: 0, token: 3 }],
    ['map', TILE],
    ['tokenDetail', 3],
    ['texts', [1, 2, 3]],
    ['rows', [{ layer: 0, head: 0, token: 3, variant: { id: 'local', params: { window: 8 } } }], 400],
    ['comparison'],
    ['run', 'compareVariants'],
    ['run', 'exportComparison'],
    ['hurts', { layer: 0, head: 5 }],
    ['save', { name: 'heads', kind: 'csv', content: 'a,b\r\n' }],
    ['run', 'exportReport'],
    ['run', 'inspectAgain'],
    ['rows', Array.from({ length: 128 }, (_, head) => ({ layer: 0, head, token: 3 })), 256],
  ])('%s is a call', (method, ...args) => {
    expect(call(method, ...args)).toEqual({ ok: true, request: { t: 'q', i: '7', m: method, a: args } });
  });

  it('read what JSON cannot carry as absent', () => {
    expect(call('structure', undefined)).toMatchObject({ ok: true, request: { a: [undefined] } });
    expect(call('structure')).toMatchObject({ ok: true, request: { a: [undefined] } });
    expect(call('hurts', undefined)).toMatchObject({ ok: true, request: { a: [undefined] } });
    const read = call('select', { layer: 0, head: 0, token: undefined, pinned: false });
    expect(read).toMatchObject({ ok: true, request: { a: [{ layer: 0, head: 0, pinned: false }] } });
  });

  it.each([
    ['run', 'workbench.action.quit'],
    ['run', 'openSettings'],
    ['run'],
    ['state', 'more'],
    ['select', { layer: -1, head: 0, pinned: false }],
    ['select', { layer: 0, head: 0.5, pinned: false }],
    ['select', { layer: 0, head: 0 }],
    ['setVariant', { id: 'x', params: { a: { b: 1 } } }, { mode: 'live', layers: 'all', others: [] }],
    ['setVariant', { id: 'x', params: {} }, { mode: 'off', layers: 'all', others: [] }],
    ['reveal', '3'],
    ['rows', [{ layer: 0, head: 0, token: 3 }], 1e6],
    ['rows', 'all', 10],
    ['rows', [{ layer: 0, head: 0, token: 3, variant: 'local' }], 10],
    ['rows', [{ layer: 0, head: 0, token: 3, variant: { id: 'local', params: { a: [1] } } }], 10],
    ['comparison', 1],
    ['stats', { layer: 0, head: 0 }],
    ['stats', { layer: 0, head: 0 }, ['loss']],
    ['stats', { layer: 0, head: 0 }, Array.from({ length: 99 }, () => 'span')],
    ['rows', Array.from({ length: 1000 }, () => ({ layer: 0, head: 0, token: 3 })), 16_384],
    ['setVariant', { id: 'local', params: { mode: 'x'.repeat(101) } }, EVERYWHERE],
    [
      'setVariant',
      { id: 'local', params: Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`p${at}`, at])) },
      EVERYWHERE,
    ],
    ['memory'],
    ['memory', { layer: 0, head: 0 }],
    ['memory', { layer: 0, head: 0, token: -1 }],
    ['map', { ...TILE, queryStep: 0 }],
    ['map', { ...TILE, keys: { start: 8, end: 8 } }],
    ['map', { ...TILE, keys: { start: 0, end: 257 } }],
    ['map', { ...TILE, samples: MAP_ROWS + 1 }],
    ['series', { ...SERIES, stat: 'loss' }],
    ['series', { ...SERIES, step: 0 }],
    ['series', { ...SERIES, tokens: { start: 5, end: 5 } }],
    ['series', { ...SERIES, tokens: { start: 0, end: 8193 } }],
    ['series', { ...SERIES, greatest: 65 }],
    ['dilution'],
    ['texts', Array.from({ length: 20_001 }, () => 0)],
    ['hurts', { layer: 0 }],
    ['hurts', { layer: 0, head: 0 }, 9],
    ['save', { name: 'x', kind: 'exe', content: '' }],
    ['save', { name: '', kind: 'csv', content: '' }],
    ['save', { name: 'x'.repeat(201), kind: 'csv', content: '' }],
    ['save', { name: 'x', kind: 'png', content: { length: 3 } }],
    ['save', { name: 'x', kind: 'svg', content: 'x'.repeat(FILE_LIMIT + 1) }],
    ['save', '/etc/passwd'],
    ['constructor'],
    ['toString'],
    ['snapshot'],
  ])('%s with wrong arguments is answered with a problem', (method, ...args) => {
    const read = call(method, ...args);
    expect(read).toMatchObject({ ok: false, id: '7' });
    if (!read.ok) expect(read.problem.message).toContain(`"${method}"`);
  });

  it.each([
    [null],
    ['text'],
    [42],
    [{ t: 's', i: '1', r: 2 }],
    [{ t: 'q', m: 3, a: [] }],
    [{ t: 'q', m: 'state' }],
  ])('%j is no call', message => {
    expect(arrive(message)).toMatchObject({ ok: false, id: undefined });
  });
});

describe('the page', () => {
  const page = panelPage({ script: 'res://s.js', style: 'res://s.css', source: 'res:', nonce: 'abc' });

  it('runs nothing but its own script', () => {
    expect(page).toContain(`default-src 'none'`);
    expect(page).toContain(`script-src 'nonce-abc'`);
    expect(page).not.toContain('unsafe');
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).toContain('<div id="app"></div>');
  });
});

describe('typed arrays for the panel', () => {
  it('leave the message they came in behind', () => {
    const message = new ArrayBuffer(1000);
    const value = {
      list: [{ ranges: new Int32Array(message, 8, 2) }],
      mass: new Float32Array(message, 16, 3),
      n: 1,
    };
    const sent = compact(value);
    expect(sent).toEqual(value);
    expect(sent.list[0]!.ranges.buffer.byteLength).toBe(8);
    expect(sent.mass.buffer.byteLength).toBe(12);
  });
});
