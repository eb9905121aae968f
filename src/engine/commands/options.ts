/** What commands read from the command line, and what they show meanwhile. */

import { InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';

import {
  DEVICE_CHOICES,
  PRECISIONS,
  WEIGHT_FORMATS,
  type LayerVariant,
  type ParamSpec,
  type ParamValue,
  type VariantChoice,
  type VariantInfo,
} from '../../protocol/inspection';
import type { EngineApi } from '../../protocol/engine';
import { Problem } from '../../protocol/problem';
import { createEngine } from '../engine';
import { NATIVE } from '../schedule';
import { variantById } from '../variants';
import { parseParam } from '../variants/primitives/params';

/** Tokens of a document, at most. */
export const MOST_TOKENS = 2 ** 21;

export const BUNDLED_MODEL = resolve(__dirname, '..', 'models', 'lab-base');

/** An engine in this process: its progress is a line on the terminal, its log goes to standard error. */
export function terminalEngine(): EngineApi {
  return createEngine({
    started: () => undefined,
    progress: ({ fraction, phase }) => showProgress(fraction, phase),
    log: (level, message) => process.stderr.write(`${level}: ${message}\n`),
  });
}

export function deviceOption(): Option {
  return new Option('--device <device>', 'execution provider').choices([...DEVICE_CHOICES]).default('auto');
}

export function precisionOption(): Option {
  return new Option(
    '--precision <precision>',
    'float16: keys and values in half precision on WebGPU, an approximation',
  )
    .choices([...PRECISIONS])
    .default('float32');
}

export function weightsOption(): Option {
  return new Option('--weights <format>', 'int8: the weights of the layers in 8 bits, an approximation')
    .choices([...WEIGHT_FORMATS])
    .default('float');
}

export function append(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a whole number, 0 or more.');
}

export function share(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a share above 0 and up to 1, such as 0.95.');
}

export function tokenIds(text: string): readonly number[] {
  return text.split(',').map(wholeNumber);
}

/** @throws Problem for an unknown variant. */
export function infoOf(variant: string): VariantInfo {
  return variant === NATIVE.id ? NATIVE : variantById(variant).info;
}

/** @throws Problem for a setting that is not `key=value`. */
export function parseSettings(
  settings: readonly string[],
  specs: Readonly<Record<string, ParamSpec>>,
): Record<string, ParamValue> {
  return Object.fromEntries(
    settings.map((setting): [string, ParamValue] => {
      const at = setting.indexOf('=');
      if (at < 1) throw new Problem(`Parameters are key=value, such as window=128; found '${setting}'.`);
      const name = setting.slice(0, at);
      return [name, parseParam(Object.hasOwn(specs, name) ? specs[name] : undefined, setting.slice(at + 1))];
    }),
  );
}

/** Reads `local:window=64,sinks=4`. */
export function variantChoice(words: string): VariantChoice {
  const [, id, settings] = /^([^:=]+)(?::(.*))?$/.exec(words) ?? [];
  if (id === undefined) throw new Problem(`Expected a variant such as local:window=64; found '${words}'.`);
  return { id, params: parseSettings(settings?.split(',') ?? [], infoOf(id).params) };
}

/** Reads `0-1=local:window=64,sinks=4`. */
export function layerVariant(words: string): LayerVariant {
  const at = words.indexOf('=');
  const layers = words.slice(0, Math.max(0, at));
  if (layers === '' || layers.includes(':')) {
    throw new Problem(`--layer-variant takes layers=variant, such as 0-1=local:window=64; found '${words}'.`);
  }
  return { layers, variant: variantChoice(words.slice(at + 1)) };
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A line that rewrites itself, on a terminal only; undefined clears it. */
export function showProgress(fraction: number | undefined, phase: string): void {
  if (!process.stderr.isTTY) return;
  const line = fraction === undefined ? '' : `${Math.floor(100 * fraction)} % ${phase}`;
  process.stderr.write(`\r\u001b[K${line}`);
}
