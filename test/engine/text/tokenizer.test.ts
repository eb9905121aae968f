import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTokenizer } from '../../../src/engine/text/tokenizer';
import type { TextTokenizer } from '../../../src/engine/text/tokenizer';
import type { TokenTable } from '../../../src/protocol/inspection';
import { byteTokenizer } from '../../../scripts/byteTokenizer.mjs';
import { inFolder, LAB_BASE } from '../../support/folders';
import { random } from '../../support/random';

function open(json: object, vocabulary = 10_000): Promise<TextTokenizer> {
  return inFolder(async folder => {
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json));
    return openTokenizer(folder, vocabulary);
  });
}

/** What each token covers. */
function covered(text: string, table: TokenTable): string[] {
  return [...table.ids].map((_, t) => text.slice(table.starts[t], table.ends[t]));
}

/** The text that the tokens cover together, no character twice. */
function rebuilt(text: string, table: TokenTable): string {
  let whole = '';
  let end = 0;
  let before = 0;
  // Plain comparisons: an assertion for each of a million tokens would take minutes.
  for (let t = 0; t < table.ids.length; t++) {
    const [start, stop] = [table.starts[t]!, table.ends[t]!];
    if (start > end || start < before || stop < start) return `token ${t} lies at ${start}, ${stop}`;
    before = start;
    if (stop <= end) continue;
    whole += text.slice(end, stop);
    end = stop;
  }
  return whole;
}

const HARD_TEXTS: readonly string[] = [
  'plain words, and numbers 12345',
  'naïve façade — Ærøskøbing “quoted”',
  'family 👨‍👩‍👧‍👦 flag 🇳🇴 skin 👍🏽',
  'e\u0301 o\u0308\u0323 Z\u0351\u036b\u0343',
  'line one\r\nline two\r\n\r\n\tindented\rold mac',
  '日本語のテキスト 한국어 ภาษาไทย',
  '<|endoftext|>start<|endoftext|><|endoftext|> end <|endoftext',
  'lone \ud83d high, \ude00 low, reversed \ude00\ud83d',
  '   leading and trailing   ',
  '\u0000\u0001\u007f\u0080\u00a0\u00ad\ufeff',
  '▁already ▁marked',
  ' ',
];

describe('byte-level tokeniser', () => {
  it.each(HARD_TEXTS)('covers all of %j', async text => {
    const table = (await openTokenizer(LAB_BASE, 4096)).encode(text);
    expect(rebuilt(text, table)).toBe(text);
  });

  it.each(HARD_TEXTS)('covers all of %j one byte at a time', async text => {
    const tokenizer = await open(byteTokenizer());
    const table = tokenizer.encode(text);
    expect(rebuilt(text, table)).toBe(text);
    for (let t = 0; t < table.ids.length; t++) {
      if (table.ids[t] === 0) continue;
      // One token, one byte, one whole character.
      const whole = text.slice(table.starts[t], table.ends[t]);
      expect(Array.from(whole)).toHaveLength(1);
      expect(new TextEncoder().encode(whole)).toContain(table.ids[t]! - 1);
    }
  });

  it('covers random text', async () => {
    const tokenizer = await openTokenizer(LAB_BASE, 4096);
    const uniform = random(3);
    const alphabet = [
      ...Array.from('ab \n'),
      '\r\n',
      'é',
      'e\u0301',
      '漢',
      '👩',
      '\u200d',
      '💻',
      '<|endoftext|>',
      "'s",
      '0',
    ];
    for (let round = 0; round < 200; round++) {
      const size = 1 + Math.floor(uniform() * 40);
      const text = Array.from({ length: size }, () => alphabet[Math.floor(uniform() * alphabet.length)]).join(
        '',
      );
      expect(rebuilt(text, tokenizer.encode(text))).toBe(text);
    }
  });

  it('gives every token of a split character the whole character', async () => {
    const text = 'a👩b';
    const table = (await open(byteTokenizer())).encode(text);
    expect(covered(text, table)).toEqual(['a', '👩', '👩', '👩', '👩', 'b']);
    expect([...table.starts]).toEqual([0, 1, 1, 1, 1, 3]);
  });

  it('finds special tokens written in the text', async () => {
    const text = 'a<|endoftext|>b';
    const table = (await openTokenizer(LAB_BASE, 4096)).encode(text);
    expect(covered(text, table)).toEqual(['a', '<|endoftext|>', 'b']);
    expect(table.ids[1]).toBe(0);
  });

  it('keeps vocabulary entries that are names of object members', async () => {
    const tokenizer = await openTokenizer(LAB_BASE, 4096);
    const { ids } = tokenizer.encode('constructor');
    expect([...ids].map(id => tokenizer.piece(id))).toEqual(['constructor']);
  });

  it('follows a normaliser that composes characters', async () => {
    const tokenizer = await open({ ...byteTokenizer(), normalizer: { type: 'NFC' } });
    const text = 'cafe\u0301 ▁ \u1112\u1161\u11ab.';
    const table = tokenizer.encode(text);
    expect(rebuilt(text, table)).toBe(text);
    expect(covered(text, table).slice(3, 6)).toEqual(['e\u0301', 'e\u0301', ' ']);
    expect(covered(text, table).slice(-4)).toEqual([...Array<string>(3).fill('\u1112\u1161\u11ab'), '.']);
  });

  it('covers nothing with the space put before the first word', async () => {
    const byteLevel = { type: 'ByteLevel', add_prefix_space: true, use_regex: true };
    const tokenizer = await open({ ...byteTokenizer(), pre_tokenizer: byteLevel });
    expect(covered('ab c', tokenizer.encode('ab c'))).toEqual(['', 'a', 'b', ' ', 'c']);
  });

  it('gives inserted tokens empty ranges at the ends', async () => {
    const special = { id: '<|endoftext|>', ids: [0], tokens: ['<|endoftext|>'] };
    const item = { SpecialToken: { id: '<|endoftext|>', type_id: 0 } };
    const tokenizer = await open({
      ...byteTokenizer(),
      post_processor: {
        type: 'TemplateProcessing',
        single: [item, { Sequence: { id: 'A', type_id: 0 } }, item],
        pair: [],
        special_tokens: { '<|endoftext|>': special },
      },
    });
    const text = '<|endoftext|>x';
    const table = tokenizer.encode(text);
    expect([...table.ids]).toEqual([0, 0, 121, 0]);
    expect([...table.starts]).toEqual([0, 0, 13, 14]);
    expect([...table.ends]).toEqual([0, 13, 14, 14]);
  });

  it('shows single tokens as text, and lone bytes as such', async () => {
    const tokenizer = await openTokenizer(LAB_BASE, 4096);
    const ids = [...tokenizer.encode('é the\r').ids];
    expect(ids.map(id => tokenizer.text(id))).toEqual(['\\xC3', '\\xA9', ' the', '\r']);
    expect(ids.map(id => tokenizer.piece(id))).toEqual(['Ã', '©', 'Ġthe', 'č']);
    expect(tokenizer.piece(99_999)).toBe('');
    expect(tokenizer.text(99_999)).toBe('');
  });

  it('is linear enough for a megabyte', async () => {
    const tokenizer = await openTokenizer(LAB_BASE, 4096);
    const text = 'const total = rows.reduce((sum, row) => sum + row.weight, 0); // naïve\n'.repeat(14_000);
    const table = tokenizer.encode(text);
    expect(table.ends.at(-1)).toBe(text.length);
    expect(rebuilt(text, table)).toBe(text);
  });
});

describe('SentencePiece-style tokeniser', () => {
  const bytes = Object.fromEntries(
    Array.from({ length: 256 }, (_, byte) => [
      `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
      byte + 3,
    ]),
  );
  const pieces = ['▁', 'h', 'i', '▁h', '▁hi', 't', 'o', 'to', '▁to', 'é'];
  const json = {
    version: '1.0',
    added_tokens: [
      { id: 0, content: '<unk>', special: true, normalized: false },
      { id: 1, content: '<s>', special: true, normalized: false },
    ],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: null,
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      byte_fallback: true,
      ignore_merges: false,
      vocab: {
        '<unk>': 0,
        '<s>': 1,
        ...bytes,
        ...Object.fromEntries(pieces.map((piece, i) => [piece, 300 + i])),
      },
      merges: [
        ['▁', 'h'],
        ['▁h', 'i'],
        ['t', 'o'],
        ['▁', 'to'],
      ],
    },
  };

  it('covers spaces with the words after them, and splits what it cannot write into bytes', async () => {
    const text = 'hi to\n👍é  hi';
    const tokenizer = await open(json);
    const table = tokenizer.encode(text);
    expect(covered(text, table)).toEqual(['', 'hi', ' to', '\n', '👍', '👍', '👍', '👍', 'é', ' ', ' hi']);
    expect(tokenizer.text(table.ids[2]!)).toBe(' to');
    expect(tokenizer.text(table.ids[4]!)).toBe('\\xF0');
  });

  it('covers text that holds the mark itself', async () => {
    const text = 'hi▁to';
    expect(covered(text, (await open(json)).encode(text))).toEqual(['', 'hi', '▁to']);
  });
});

describe('WordPiece tokeniser', () => {
  const words = [
    '[UNK]',
    '[CLS]',
    '[SEP]',
    'hello',
    'cafe',
    'play',
    '##ing',
    ',',
    '中',
    'the',
    'strasse',
    'ok',
  ];
  const json = {
    version: '1.0',
    added_tokens: words.slice(0, 3).map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: {
      ...{ type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true },
      ...{ strip_accents: null, lowercase: true },
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 2], cls: ['[CLS]', 1] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    },
  };

  it.each<[string, string[]]>([
    ['Hello, PLAYING', ['', 'Hello', ',', 'PLAY', 'ING', '']],
    ['  Café\u0301\r\n\tthe', ['', 'Café\u0301', 'the', '']],
    ['Cafe\u0301 ok', ['', 'Cafe\u0301', 'ok', '']],
    ['the中\u0000the', ['', 'the', '中', 'the', '']],
    ['the zzz ok', ['', 'the', 'zzz', 'ok', '']],
    ['zzz', ['', 'zzz', '']],
    ['the [SEP] ok', ['', 'the', '[SEP]', 'ok', '']],
  ])('places the tokens of %j', async (text, expected) => {
    const tokenizer = await open(json);
    const table = tokenizer.encode(text);
    expect(covered(text, table).map(part => part.trim())).toEqual(expected);
  });

  it('goes on after unknown words, in order', async () => {
    const tokenizer = await open(json);
    const text = 'the 😀 qqq 😀 hello xyz the, playing '.repeat(300);
    const table = tokenizer.encode(text);
    const parts = covered(text, table);
    for (let t = 1; t < table.ids.length; t++) {
      expect(table.starts[t]!).toBeGreaterThanOrEqual(table.starts[t - 1]!);
      expect(table.ends[t]!).toBeGreaterThanOrEqual(table.starts[t]!);
      if (tokenizer.piece(table.ids[t]!) === 'hello') expect(parts[t]).toBe('hello');
    }
    expect(parts.filter(part => part === 'playing'.slice(4))).toHaveLength(300);
  });

  it('never throws where a rewrite crosses characters', async () => {
    const shorten = { type: 'Replace', pattern: { String: 'hello the' }, content: 'ok' };
    const tokenizer = await open({ ...json, normalizer: shorten });
    const text = 'cafe hello the play';
    const parts = covered(text, tokenizer.encode(text));
    expect(parts[1]).toBe('cafe');
    expect(parts[2]).toContain('hello');
    expect(parts[3]).toBe('play');
  });
});

describe('damaged tokenisers', () => {
  it('names what a folder lacks', async () => {
    await inFolder(async folder => {
      await expect(openTokenizer(folder, 10)).rejects.toThrow('tokenizer.json');
      await writeFile(join(folder, 'tokenizer.json'), '{');
      await expect(openTokenizer(folder, 10)).rejects.toThrow('to be JSON');
      await writeFile(join(folder, 'tokenizer.json'), '{"model": 3}');
      await expect(openTokenizer(folder, 10)).rejects.toThrow('model is 3');
      await writeFile(
        join(folder, 'tokenizer.json'),
        JSON.stringify({ ...byteTokenizer(), decoder: { type: 'X' } }),
      );
      await expect(openTokenizer(folder, 10)).rejects.toThrow('Unknown Decoder type: X');
      await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(byteTokenizer()));
      await writeFile(join(folder, 'tokenizer_config.json'), '[');
      await expect(openTokenizer(folder, 10)).rejects.toThrow('tokenizer_config.json');
    });
  });

  it('names a token whose id the model does not have', async () => {
    const tokenizer = await open(byteTokenizer(), 100);
    expect(() => tokenizer.encode('ab')).not.toThrow();
    expect(() => tokenizer.encode('é')).toThrow(/"Ã" the id 196, but the model has 100 tokens \(0 to 99\)/);
  });

  it('names text that an incomplete vocabulary cannot write', async () => {
    const json = {
      ...byteTokenizer(),
      model: { type: 'BPE', unk_token: null, vocab: { a: 1 }, merges: [] },
    };
    const tokenizer = await open(json);
    expect([...tokenizer.encode('aba').ids]).toEqual([1, 1]);
  });
});
