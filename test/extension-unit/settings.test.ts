import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkLength, checkText, MAX_CHARACTERS } from '../../src/extension/documentText';
import { checkChoice, parseParam, withoutDefaults } from '../../src/extension/parameters';
import { describeChoice } from '../../src/protocol/choiceText';
import { readSettings, SETTING_RULES } from '../../src/extension/settingsValues';
import type { ParamSpec, VariantInfo } from '../../src/protocol/inspection';
import { EVERYWHERE } from '../../src/protocol/inspection';

interface Manifest {
  readonly capabilities: {
    readonly untrustedWorkspaces: { readonly restrictedConfigurations: readonly string[] };
  };
  readonly contributes: {
    readonly configuration: { readonly properties: Readonly<Record<string, { readonly default: unknown }>> };
  };
}

const manifest = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
) as Manifest;

describe('settings', () => {
  it('are those that package.json declares, with the same defaults', () => {
    const declared = Object.entries(manifest.contributes.configuration.properties);
    expect(Object.fromEntries(declared.map(([name, { default: value }]) => [name, value]))).toEqual(
      Object.fromEntries(
        Object.entries(SETTING_RULES).map(([name, rule]) => [`longsight.${name}`, rule.default]),
      ),
    );
  });

  it('of a workspace that is not trusted choose neither a model nor how it runs', () => {
    const { restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
    const harmless = ['topKeys', 'decorations.enabled', 'followCursor'];
    const others = Object.keys(SETTING_RULES).filter(name => !harmless.includes(name));
    expect([...restrictedConfigurations].sort()).toEqual(others.map(name => `longsight.${name}`).sort());
  });

  it('are all at their defaults in an empty configuration', () => {
    expect(readSettings({}).problems).toEqual([]);
    expect(readSettings({}).settings).toMatchObject({
      topKeys: 64,
      device: 'auto',
      variant: { id: 'native', params: {} },
      schedule: EVERYWHERE,
    });
  });

  it('are read where they are right', () => {
    const { settings, problems } = readSettings({
      model: ' /models/mine ',
      variant: 'local',
      variantParameters: { window: 8 },
      decorations: { enabled: false },
      topKeys: 512,
      mode: 'shadow',
      layers: '1-2',
      layerVariants: { '0': 'dense', '3': { id: 'topk', params: { k: 8 } } },
    });
    expect(problems).toEqual([]);
    expect(settings.schedule).toEqual({
      mode: 'shadow',
      layers: '1-2',
      others: [
        { layers: '0', variant: { id: 'dense', params: {} } },
        { layers: '3', variant: { id: 'topk', params: { k: 8 } } },
      ],
    });
    expect(settings).toMatchObject({ model: '/models/mine', decorations: false, topKeys: 512 });
    expect(settings.variant).toEqual({ id: 'local', params: { window: 8 } });
  });

  it('let a variant of a single layer win over one of a range, whatever order they are kept in', () => {
    const { settings } = readSettings({ layerVariants: { '0-3': 'local', '2': 'topk' } });
    expect(settings.schedule.others.map(({ layers }) => layers)).toEqual(['0-3', '2']);
  });

  it.each([
    [{ topKeys: 'many' }, 'longsight.topKeys', 'from 1 to 512', '"many"'],
    [{ topKeys: 513 }, 'longsight.topKeys', 'from 1 to 512', '513'],
    [{ maxTokens: 1.5 }, 'longsight.maxTokens', 'whole number', '1.5'],
    [{ device: 'tpu' }, 'longsight.device', 'webgpu', '"tpu"'],
    [{ precision: 'half' }, 'longsight.precision', 'float32, float16', '"half"'],
    [{ variantParameters: [1] }, 'longsight.variantParameters', 'object', '[1]'],
    [{ mode: 'both' }, 'longsight.mode', 'live, shadow', '"both"'],
    [{ layers: 'top' }, 'longsight.layers', 'ranges of layers', '"top"'],
    [{ layerVariants: { top: 'local' } }, 'longsight.layerVariants', 'object of layers', '{"top":"local"}'],
    [{ layerVariants: { '0': 7 } }, 'longsight.layerVariants', 'object of layers', '{"0":7}'],
    [{ decorations: { enabled: 'no' } }, 'longsight.decorations.enabled', 'true or false', '"no"'],
    [{ varint: 'dense' }, 'longsight.varint', 'There is no setting', 'variant'],
    [
      { decorations: { colour: 1 } },
      'longsight.decorations.colour',
      'There is no setting',
      'decorations.enabled',
    ],
  ])('say in one sentence what is wrong with %j', (raw, ...words) => {
    const { problems } = readSettings(raw);
    expect(problems).toHaveLength(1);
    for (const word of words) expect(problems[0]).toContain(word);
  });
});

const size: ParamSpec = {
  type: 'size',
  default: 'sentence',
  min: 1,
  max: 99,
  words: ['sentence', 'paragraph'],
  help: '',
};
const variant: VariantInfo = {
  id: 'local',
  title: 'Local',
  summary: '',
  source: '',
  trainingClass: 'TF',
  cost: '',
  plan: [],
  params: {
    window: { type: 'integer', default: 64, min: 1, max: 128, help: '' },
    decay: { type: 'number', default: 0.5, min: 0, max: 1, help: '' },
    causal: { type: 'boolean', default: true, help: '' },
    mode: { type: 'choice', default: 'a', choices: ['a', 'b'], help: '' },
    size,
  },
  tensors: {},
};

describe('parameters', () => {
  it.each([
    ['window', ' 7 ', 7],
    ['window', '7.5', undefined],
    ['window', '', undefined],
    ['window', '129', undefined],
    ['decay', '0.25', 0.25],
    ['decay', '1e3', undefined],
    ['causal', 'False', false],
    ['causal', '1', undefined],
    ['mode', 'b', 'b'],
    ['mode', 'c', undefined],
    ['size', '12', 12],
    ['size', 'paragraph', 'paragraph'],
    ['size', '100', undefined],
    ['size', 'page', undefined],
  ])('%s reads "%s" as %s', (name, text, value) => {
    expect(parseParam(variant.params[name]!, text)).toBe(value);
  });

  it('leave out those at their defaults', () => {
    expect(withoutDefaults(variant, { window: 64, decay: 0.1, causal: true })).toEqual({
      id: 'local',
      params: { decay: 0.1 },
    });
    expect(describeChoice({ id: 'local', params: { decay: 0.1 } })).toBe('local (decay 0.1)');
  });

  it('name what does not exist and what does', () => {
    expect(checkChoice([variant], { id: 'local', params: { window: 3 } })).toBe(variant);
    expect(() => checkChoice([variant], { id: 'loca', params: {} })).toThrow(/"loca" does not exist.*local/);
    expect(() => checkChoice([variant], { id: 'local', params: { width: 3 } })).toThrow(/"width".*window/);
    expect(() => checkChoice([variant], { id: 'local', params: { window: 0 } })).toThrow(
      /from 1 to 128; found 0/,
    );
  });
});

describe('documents', () => {
  it('are refused when empty, binary or too large, by name', () => {
    expect(() => checkText('notes.md', '')).toThrow(/notes\.md is empty/);
    expect(() => checkText('a.bin', 'PK\0\u0001')).toThrow(/a\.bin holds NUL/);
    expect(() => checkLength('big.txt', MAX_CHARACTERS + 1)).toThrow(/32,000,001.*32,000,000/);
  });

  it('are taken otherwise', () => {
    checkText('a', ' ');
    checkLength('a', MAX_CHARACTERS);
  });
});
