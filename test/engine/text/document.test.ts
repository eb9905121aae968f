import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDocument, readDocument } from '../../../src/engine/text/document';
import { inFolder } from '../../support/folders';

describe('documents', () => {
  it('are refused when empty or binary, with counts', () => {
    expect(() => checkDocument('')).toThrow('empty');
    expect(() => checkDocument('a\0b\0')).toThrow('2 NUL characters');
    expect(() => checkDocument('a\0')).toThrow('1 NUL character,');
    expect(() => checkDocument(`${'a'.repeat(80)}${'\ufffd'.repeat(20)}`)).toThrow(
      "20 of the document's 100",
    );
  });

  it('are accepted with white space only, odd characters or a few damaged ones', () => {
    expect(() => checkDocument(' \n')).not.toThrow();
    expect(() => checkDocument('\u0001\ud800')).not.toThrow();
    expect(() => checkDocument(`${'a'.repeat(90)}${'\ufffd'.repeat(10)}`)).not.toThrow();
  });

  it('are read as UTF-8 without a byte order mark', async () => {
    await inFolder(async folder => {
      const path = join(folder, 'x.txt');
      await writeFile(path, '\ufeffnaïve\r\n👩');
      expect(await readDocument(path)).toBe('naïve\r\n👩');
      await writeFile(path, Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1]));
      await expect(readDocument(path)).rejects.toThrow('3 NUL characters');
      await writeFile(path, Buffer.from('åäö åäö', 'latin1'));
      await expect(readDocument(path)).rejects.toThrow('not valid UTF-8');
    });
  });

  it('are refused when missing, a folder or huge', async () => {
    await inFolder(async folder => {
      await expect(readDocument(join(folder, 'none.txt'))).rejects.toThrow('there is no such file');
      await expect(readDocument(folder)).rejects.toThrow('it is a folder');
      const path = join(folder, 'huge.txt');
      await writeFile(path, Buffer.alloc(64 * 1024 * 1024 + 1, 'a'));
      await expect(readDocument(path)).rejects.toThrow('at most 67108864 bytes, found 67108865');
    });
  });
});
