import { mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  readFloats,
  readHeader,
  readIntegers,
  writeSafetensors,
} from '../../../src/engine/model/safetensors';
import { Problem } from '../../../src/protocol/problem';
import { inFolder } from '../../support/folders';

/** A file with any header and `bytes` bytes of data. */
async function writeRaw(path: string, header: string, bytes: number, declared?: bigint): Promise<void> {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(declared ?? BigInt(Buffer.byteLength(header)));
  await writeFile(path, Buffer.concat([prefix, Buffer.from(header), Buffer.alloc(bytes)]));
}

async function refusal(header: unknown, bytes: number, declared?: bigint): Promise<string> {
  return inFolder(async folder => {
    const path = join(folder, 'x.safetensors');
    await writeRaw(path, typeof header === 'string' ? header : JSON.stringify(header), bytes, declared);
    const error: unknown = await readHeader(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Problem);
    return (error as Problem).message;
  });
}

describe('safetensors', () => {
  it('reads back what it wrote', async () => {
    await inFolder(async folder => {
      const path = join(folder, 'x.safetensors');
      const data = Float32Array.of(1, -2, 0.5, 65504, 3, 0);
      await writeSafetensors(
        path,
        {
          half: { dtype: 'F16', shape: [2, 3], data },
          brain: { dtype: 'BF16', shape: [6], data: Float32Array.of(1, -2, 0.5, 65536, 3, 0) },
          single: { dtype: 'F32', shape: [3, 2], data },
          small: { dtype: 'I32', shape: [2], data: Int32Array.of(-7, 2 ** 31 - 1) },
          long: { dtype: 'I64', shape: [2], data: Int32Array.of(-7, 5) },
          none: { dtype: 'F32', shape: [0, 4], data: new Float32Array() },
          one: { dtype: 'F32', shape: [], data: Float32Array.of(9) },
        },
        { format: 'pt' },
      );
      const { tensors, metadata } = await readHeader(path);
      expect(metadata.get('format')).toBe('pt');
      expect([...(await readFloats(tensors.get('half')!))]).toEqual([...data]);
      expect([...(await readFloats(tensors.get('brain')!))]).toEqual([1, -2, 0.5, 65536, 3, 0]);
      expect([...(await readFloats(tensors.get('single')!))]).toEqual([...data]);
      expect([...(await readIntegers(tensors.get('small')!))]).toEqual([-7, 2 ** 31 - 1]);
      expect([...(await readIntegers(tensors.get('long')!))]).toEqual([-7, 5]);
      expect([...(await readFloats(tensors.get('long')!))]).toEqual([-7, 5]);
      expect((await readFloats(tensors.get('none')!)).length).toBe(0);
      expect([...(await readFloats(tensors.get('one')!))]).toEqual([9]);
      for (const { offset, dtype } of tensors.values()) {
        expect(offset % ({ F16: 2, BF16: 2, I64: 8 }[dtype as string] ?? 4)).toBe(0);
      }
    });
  });

  it('names the real file behind a link', async () => {
    await inFolder(async folder => {
      await mkdir(join(folder, 'blobs'));
      const blob = join(folder, 'blobs', 'abc');
      await writeSafetensors(blob, { a: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } });
      await symlink(blob, join(folder, 'model.safetensors'));
      const file = await readHeader(join(folder, 'model.safetensors'));
      expect(file.tensors.get('a')!.file).toBe(file.file);
      expect(file.file.endsWith(join('blobs', 'abc'))).toBe(true);
    });
  });

  it('says how much of a torn file is there', async () => {
    await inFolder(async folder => {
      const path = join(folder, 'x.safetensors');
      await writeSafetensors(path, { a: { dtype: 'F32', shape: [100], data: new Float32Array(100) } });
      const whole = (await readFile(path)).length;
      const { tensors } = await readHeader(path);
      await truncate(path, whole - 30);
      await expect(readHeader(path)).rejects.toThrow(`${whole} bytes, found ${whole - 30} (30 missing)`);
      await expect(readFloats(tensors.get('a')!)).rejects.toThrow('is torn');
      await truncate(path, 20);
      await expect(readHeader(path)).rejects.toThrow(/header alone needs \d+ bytes, found 20/);
      await truncate(path, 5);
      await expect(readHeader(path)).rejects.toThrow('found 5 bytes');
    });
  });

  it('bounds the header before it reads it', async () => {
    expect(await refusal('{}', 0, 2n ** 63n)).toContain('9223372036854775808 bytes');
    expect(await refusal('{}', 0, 100_000_001n)).toContain('at most 100000000');
    expect(await refusal('{}', 0, 50n)).toContain('torn');
  });

  it.each([
    ['no JSON', 'nonsense', 'to be JSON'],
    ['a list', [], 'JSON object'],
    ['an unknown type', { a: { dtype: 'F4', shape: [1], data_offsets: [0, 4] } }, 'found "F4"'],
    ['an inherited name as type', { a: { dtype: 'toString', shape: [], data_offsets: [0, 4] } }, 'dtype'],
    ['a negative size', { a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 'non-negative'],
    ['a broken size', { a: { dtype: 'F32', shape: [1.5], data_offsets: [0, 6] } }, 'non-negative'],
    [
      'an overflowing shape',
      { a: { dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] } },
      'sane size',
    ],
    [
      'an overflow hidden by a zero',
      { a: { dtype: 'F32', shape: [2 ** 50, 2 ** 50, 0], data_offsets: [0, 0] } },
      'sane',
    ],
    ['backward offsets', { a: { dtype: 'F32', shape: [1], data_offsets: [4, 0] } }, 'backwards'],
    ['negative offsets', { a: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } }, 'data_offsets'],
    ['missing offsets', { a: { dtype: 'F32', shape: [1] } }, 'found nothing'],
    ['too few bytes', { a: { dtype: 'F32', shape: [3], data_offsets: [0, 8] } }, '12 bytes for F32 [3]'],
    ['an entry that is none', { a: 7 }, 'found 7'],
    ['a range past the end', { a: { dtype: 'F32', shape: [5], data_offsets: [0, 20] } }, '4 missing'],
    [
      'shared bytes',
      {
        a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
        b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] },
      },
      'share bytes',
    ],
  ])('refuses %s', async (_, header, message) => {
    expect(await refusal(header, 16)).toContain(message);
  });

  it('accepts offsets whose product would not be exact', async () => {
    const header = { a: { dtype: 'U8', shape: [2 ** 32], data_offsets: [2 ** 32, 2 ** 33] } };
    expect(await refusal(header, 16)).toContain('missing');
  });

  it('refuses missing files, folders and wrong kinds of numbers', async () => {
    await inFolder(async folder => {
      await expect(readHeader(join(folder, 'x'))).rejects.toThrow('there is no such file');
      await expect(readHeader(folder)).rejects.toThrow('folder');
      const path = join(folder, 'x.safetensors');
      const header = { f: { dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] } };
      await writeRaw(path, JSON.stringify(header), 4);
      await expect(readFloats((await readHeader(path)).tensors.get('f')!)).rejects.toThrow('F8_E4M3');
      await expect(readIntegers((await readHeader(path)).tensors.get('f')!)).rejects.toThrow('whole numbers');
    });
  });

  it('refuses integers beyond 32 bits', async () => {
    await inFolder(async folder => {
      const path = join(folder, 'x.safetensors');
      await writeRaw(path, JSON.stringify({ a: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }), 8);
      const bytes = await readFile(path);
      bytes.writeBigInt64LE(2n ** 40n, bytes.length - 8);
      await writeFile(path, bytes);
      await expect(readIntegers((await readHeader(path)).tensors.get('a')!)).rejects.toThrow('1099511627776');
    });
  });
});
