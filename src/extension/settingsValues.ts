/** The settings of Longsight: what each may hold, and one sentence for each that holds something else. */

import {
  DEVICE_CHOICES,
  type DeviceChoice,
  type LayerVariant,
  type ParamValue,
  type Precision,
  PRECISIONS,
  RUN_MODES,
  type RunMode,
  type Schedule,
  type VariantChoice,
  WEIGHT_FORMATS,
  type WeightFormat,
} from '../protocol/inspection';
import { isLayerList } from '../protocol/choiceText';

export interface Settings {
  /** A model folder or an ONNX file; empty for the bundled model. */
  readonly model: string;
  readonly variant: VariantChoice;
  readonly schedule: Schedule;
  readonly device: DeviceChoice;
  readonly precision: Precision;
  readonly weights: WeightFormat;
  /** Tokens as `0, 5-8`; empty for none. */
  readonly globalTokens: string;
  /** How many of the strongest keys are decorated and listed. */
  readonly topKeys: number;
  readonly maxTokens: number;
  readonly decorations: boolean;
  readonly followCursor: boolean;
}

export interface SettingsReading {
  /** With the default in place of every wrong value. */
  readonly settings: Settings;
  /** One sentence a wrong or unknown setting. */
  readonly problems: readonly string[];
}

interface Rule<T> {
  readonly default: T;
  readonly allowed: string;
  readonly accepts: (value: unknown) => value is T;
}

const text = (fallback: string, allowed: string): Rule<string> => ({
  default: fallback,
  allowed,
  accepts: value => typeof value === 'string',
});

const flag = (fallback: boolean): Rule<boolean> => ({
  default: fallback,
  allowed: 'true or false',
  accepts: value => typeof value === 'boolean',
});

const whole = (fallback: number, min: number, max: number): Rule<number> => ({
  default: fallback,
  allowed: `a whole number from ${min} to ${max}`,
  accepts: (value): value is number =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
});

const device: Rule<DeviceChoice> = {
  default: 'auto',
  allowed: `one of ${DEVICE_CHOICES.join(', ')}`,
  accepts: (value): value is DeviceChoice => DEVICE_CHOICES.some(choice => choice === value),
};

const precision: Rule<Precision> = {
  default: 'float32',
  allowed: `one of ${PRECISIONS.join(', ')}`,
  accepts: (value): value is Precision => PRECISIONS.some(known => known === value),
};

const weights: Rule<WeightFormat> = {
  default: 'float',
  allowed: `one of ${WEIGHT_FORMATS.join(', ')}`,
  accepts: (value): value is WeightFormat => WEIGHT_FORMATS.some(known => known === value),
};

const globalTokens: Rule<string> = {
  default: '',
  allowed: 'empty, all, or numbers and ranges of tokens from 0 such as 0, 5-8',
  accepts: (value): value is string =>
    typeof value === 'string' && (value.trim() === '' || isLayerList(value)),
};

type ParamValues = Readonly<Record<string, ParamValue>>;

const parameters: Rule<ParamValues> = {
  default: {},
  allowed: 'an object of parameter names with numbers, texts, true or false',
  accepts: (value): value is ParamValues =>
    isRecord(value) &&
    Object.values(value).every(entry => ['number', 'boolean', 'string'].includes(typeof entry)),
};

const mode: Rule<RunMode> = {
  default: 'live',
  allowed: `one of ${RUN_MODES.join(', ')}`,
  accepts: (value): value is RunMode => RUN_MODES.some(known => known === value),
};

/** A variant's name, or its name and parameters. */
type WrittenVariant = string | { readonly id: string; readonly params?: ParamValues };

const layerVariants: Rule<Readonly<Record<string, WrittenVariant>>> = {
  default: {},
  allowed:
    'an object of layers with variants, such as { "0-1": "local", "3": { "id": "topk", "params": { "k": 8 } } }',
  accepts: (value): value is Readonly<Record<string, WrittenVariant>> =>
    isRecord(value) && Object.keys(value).every(isLayerList) && Object.values(value).every(isWrittenVariant),
};

const layers: Rule<string> = {
  default: 'all',
  allowed: 'all, or numbers and ranges of layers from 0 such as 0, 2-3',
  accepts: (value): value is string => typeof value === 'string' && isLayerList(value),
};

function isWrittenVariant(value: unknown): value is WrittenVariant {
  if (typeof value === 'string') return true;
  if (!isRecord(value) || typeof value['id'] !== 'string') return false;
  return value['params'] === undefined || parameters.accepts(value['params']);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Ranges first: the last one that names a layer has it, and a single layer is meant to win over a range. */
function readLayerVariants(written: Readonly<Record<string, WrittenVariant>>): readonly LayerVariant[] {
  const named = Object.entries(written).map(([layers, variant]) => {
    const { id, params = {} } = typeof variant === 'string' ? { id: variant } : variant;
    return { layers, variant: { id, params } };
  });
  const isSingle = (part: LayerVariant): boolean => /^\s*\d+\s*$/.test(part.layers);
  return [...named.filter(part => !isSingle(part)), ...named.filter(isSingle)];
}

export const MAX_TOKENS_LIMIT = 2 ** 21;

/** Every setting under `longsight.`; package.json declares the same names and defaults. */
export const SETTING_RULES = {
  model: text('', 'the path of a model folder or ONNX file, or empty for the bundled model'),
  variant: text('native', 'the name of an attention variant'),
  variantParameters: parameters,
  mode,
  layers,
  layerVariants,
  device,
  precision,
  weights,
  globalTokens,
  topKeys: whole(64, 1, 512),
  maxTokens: whole(200_000, 1, MAX_TOKENS_LIMIT),
  'decorations.enabled': flag(true),
  followCursor: flag(true),
} as const;

type SettingName = keyof typeof SETTING_RULES;

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTING_RULES, name);
}

/** The names in a settings object, with nested ones joined by dots down to a known name. */
function namesIn(raw: Readonly<Record<string, unknown>>, prefix = ''): string[] {
  return Object.entries(raw).flatMap(([key, value]) => {
    const name = prefix + key;
    const nests = Object.keys(SETTING_RULES).some(known => known.startsWith(`${name}.`));
    return nests && typeof value === 'object' && value !== null
      ? namesIn(value as Record<string, unknown>, `${name}.`)
      : [name];
  });
}

function lookUp(raw: Readonly<Record<string, unknown>>, name: string): unknown {
  return name.split('.').reduce<unknown>((value, key) => {
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  }, raw);
}

/** Reads the `longsight` section of the configuration. */
export function readSettings(raw: Readonly<Record<string, unknown>>): SettingsReading {
  const problems: string[] = [];
  const read = <T>(name: SettingName, rule: Rule<T>): T => {
    const value = lookUp(raw, name);
    if (value === undefined || value === null) return rule.default;
    if (rule.accepts(value)) return value;
    problems.push(`The setting "longsight.${name}" must be ${rule.allowed}; found ${JSON.stringify(value)}.`);
    return rule.default;
  };
  const settings: Settings = {
    model: read('model', SETTING_RULES.model).trim(),
    variant: {
      id: read('variant', SETTING_RULES.variant),
      params: read('variantParameters', SETTING_RULES.variantParameters),
    },
    schedule: {
      mode: read('mode', SETTING_RULES.mode),
      layers: read('layers', SETTING_RULES.layers),
      others: readLayerVariants(read('layerVariants', SETTING_RULES.layerVariants)),
    },
    device: read('device', SETTING_RULES.device),
    precision: read('precision', SETTING_RULES.precision),
    weights: read('weights', SETTING_RULES.weights),
    globalTokens: read('globalTokens', SETTING_RULES.globalTokens),
    topKeys: read('topKeys', SETTING_RULES.topKeys),
    maxTokens: read('maxTokens', SETTING_RULES.maxTokens),
    decorations: read('decorations.enabled', SETTING_RULES['decorations.enabled']),
    followCursor: read('followCursor', SETTING_RULES.followCursor),
  };
  const known = Object.keys(SETTING_RULES).join(', ');
  for (const name of namesIn(raw)) {
    if (!isSettingName(name)) {
      problems.push(`There is no setting "longsight.${name}"; Longsight has ${known}. Correct or remove it.`);
    }
  }
  return { settings, problems };
}
