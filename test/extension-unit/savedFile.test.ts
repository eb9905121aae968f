import { describe, expect, it } from 'vitest';
import { bytesOf, plainName, stemOf } from '../../src/extension/savedFile';
import { Problem } from '../../src/protocol/problem';

describe('names of saved files', () => {
  it.each([
    ['field-guide Span of every head', 'field-guide Span of every head'],
    ['../../etc/passwd', 'etc passwd'],
    ['C:\\Windows\\x', 'C Windows x'],
    ['a/b: "c" <d>|?*', 'a b c d'],
    ['two\nlines\u0000', 'two lines'],
    ['...', 'longsight'],
    ['', 'longsight'],
    ['trailing. ', 'trailing'],
    ['äöü 😀', 'äöü 😀'],
  ])('%j is %j', (given, plain) => {
    expect(plainName(given)).toBe(plain);
  });

  it('are not longer than a file system takes', () => {
    expect(plainName('x'.repeat(500))).toHaveLength(120);
  });

  it('begin with that of the document', () => {
    expect(stemOf('notes.tar.gz')).toBe('notes.tar');
    expect(stemOf('.gitignore')).toBe('.gitignore');
    expect(stemOf('Untitled-1')).toBe('Untitled-1');
  });
});

describe('contents of saved files', () => {
  it('are text in UTF-8', () => {
    expect(bytesOf({ kind: 'csv', content: 'ä,1\r\n' })).toEqual(Buffer.from('ä,1\r\n', 'utf8'));
  });

  it('are pictures that are pictures', () => {
    const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3]);
    expect(bytesOf({ kind: 'png', content: png.toString('base64') })).toEqual(png);
    for (const content of ['', 'not base64!', Buffer.from('<svg>').toString('base64')]) {
      expect(() => bytesOf({ kind: 'png', content })).toThrow(Problem);
    }
  });
});
