import { describe, expect, it } from 'vitest';

import { EVERYWHERE, type Schedule } from '../../src/protocol/inspection';
import {
  chosenVariant,
  nativeAttention,
  readLayers,
  scheduleLayers,
  standIns,
} from '../../src/engine/schedule';
import { variantById } from '../../src/engine/variants';

const DENSE = nativeAttention({ causal: true, window: undefined, softcap: undefined });
const WINDOWED = nativeAttention({ causal: true, window: 4, softcap: undefined });

describe('layers', () => {
  it.each([
    ['all', [0, 1, 2, 3]],
    ['2', [2]],
    ['0, 2-3', [0, 2, 3]],
    [' 1 - 2 ,3', [1, 2, 3]],
  ])('%s', (words, layers) => {
    expect(readLayers(words, 4)).toEqual(layers);
  });

  it.each(['', '4', '2-1', '0-9', 'first', '1,,2', '-1', '1.5', '99999999999999999999'])(
    "'%s' is refused with what is expected",
    words => {
      expect(() => readLayers(words, 4)).toThrow(/expected 'all' or numbers and ranges from 0 to 3/);
    },
  );
});

describe('a schedule', () => {
  const ids = (schedule: Schedule) =>
    scheduleLayers({ variant: { id: 'local', params: { window: 8 } }, schedule }, [
      DENSE,
      DENSE,
      DENSE,
      DENSE,
    ]).map(({ choice }) => choice.id);

  it('puts the variant everywhere, or in some layers', () => {
    expect(ids(EVERYWHERE)).toEqual(['local', 'local', 'local', 'local']);
    expect(ids({ ...EVERYWHERE, layers: '1-2' })).toEqual(['dense', 'local', 'local', 'dense']);
  });

  it('lets other variants win in their layers', () => {
    const others = [{ layers: '0,3', variant: { id: 'topk', params: { k: 4 } } }];
    expect(ids({ mode: 'shadow', layers: '0-1', others })).toEqual(['topk', 'local', 'dense', 'topk']);
  });

  it("refuses parameters for the model's own attention", () => {
    const variant = { id: 'native', params: { window: 4 } };
    expect(() => scheduleLayers({ variant, schedule: EVERYWHERE }, [DENSE])).toThrow(
      /'native' has no parameter/,
    );
  });

  it('refuses what a variant does not take', () => {
    const others = [{ layers: '0', variant: { id: 'topk', params: { widow: 4 } } }];
    expect(() => ids({ ...EVERYWHERE, others })).toThrow(/no parameter 'widow'/);
    expect(() =>
      ids({ ...EVERYWHERE, others: [{ layers: '0', variant: { id: 'magic', params: {} } }] }),
    ).toThrow(/no attention variant 'magic'/);
  });
});

describe("the model's own attention", () => {
  const native = { id: 'native', params: {} };

  it('stays where it is chosen, a layer as it was made', () => {
    const layers = scheduleLayers({ variant: native, schedule: EVERYWHERE }, [DENSE, WINDOWED]);
    expect(layers.map(({ choice }) => choice)).toEqual([
      { id: 'dense', params: {} },
      { id: 'local', params: { window: 4 } },
    ]);
    expect(nativeAttention({ causal: false, window: 3, softcap: undefined }).choice).toEqual({
      id: 'local',
      params: { causal: false, window: 3 },
    });
  });

  it('goes by its plain name where all layers are alike', () => {
    expect(chosenVariant(native, [DENSE, DENSE])).toEqual({ id: 'dense', params: {} });
    expect(chosenVariant(native, [DENSE, WINDOWED])).toEqual(native);
  });
});

it('names the tensors that something stood in for', () => {
  const { info } = variantById('linformer');
  expect(standIns(info, {})).toHaveLength(2);
  const [note] = standIns(info, { E: { type: 'float32', shape: [1], data: new Float32Array(1) } });
  expect(note).toMatch(/^Linformer: F is random: /);
});
