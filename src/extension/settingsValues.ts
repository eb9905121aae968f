/** The settings of Longsight: what each may hold, and one sentence for each that holds something else. */

import {
  DEVICE_CHOICES,
  type DeviceChoice,
  type ParamValue,
  type VariantChoice,
} from '../protocol/inspection';

export interface Settings {
  /** A checkpoint folder; empty for the bundled model. */
  readonly model: string;
  readonly variant: VariantChoice;
  readonly device: DeviceChoice;
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

const parameters: Rule<Readonly<Record<string, ParamValue>>> = {
  default: {},
  allowed: 'an object of parameter names with numbers, texts, true or false',
  accepts: (value): value is Readonly<Record<string, ParamValue>> =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(entry => ['number', 'boolean', 'string'].includes(typeof entry)),
};

export const MAX_TOKENS_LIMIT = 2 ** 21;

/** Every setting under `longsight.`; package.json declares the same names and defaults. */
export const SETTING_RULES = {
  model: text('', 'the path of a model folder, or empty for the bundled model'),
  variant: text('dense', 'the name of an attention variant'),
  variantParameters: parameters,
  device,
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
    device: read('device', SETTING_RULES.device),
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
