/** The architectures that Longsight opens, and how a config names one of them. */

import { Problem } from '../../../protocol/problem';
import type { Architecture, Blueprint } from '../architecture';
import { bert, longformer, roberta, xlmRoberta } from './bert';
import { gemma2, gemma3, gemma3WithImages } from './gemma';
import { gpt2 } from './gpt2';
import { gptNeox } from './gptNeox';
import { llama } from './llama';
import { mamba } from './mamba';
import { mamba2 } from './mamba2';
import { mistral } from './mistral';
import { modernbert } from './modernbert';
import { isOriginalLongformer, originalLongformer } from './originalLongformer';
import { isOriginalMamba, originalMamba } from './originalMamba';
import { phi3 } from './phi3';
import { qwen2, qwen3 } from './qwen';

const ARCHITECTURES: readonly Architecture[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma2,
  gemma3,
  gemma3WithImages,
  phi3,
  gpt2,
  gptNeox,
  bert,
  roberta,
  xlmRoberta,
  modernbert,
  longformer,
  mamba,
  mamba2,
];

/**
 * Reads the text of a `config.json`; `where` names the file in messages.
 *
 * @throws Problem naming the field and its value when it is missing, out of bounds, contradicts another
 * field, or asks for something that Longsight does not compute.
 */
export function parseConfig(text: string, where: string): Blueprint {
  let json: unknown;
  try {
    json = JSON.parse(withoutInfinity(text));
  } catch (error) {
    throw new Problem(`Expected ${where} to be JSON: ${(error as Error).message}.`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Problem(`Expected ${where} to be a JSON object with the model's sizes.`);
  }
  const fields = transformersFields(json, where);
  return architectureOf(fields, where).read(fields, where);
}

/** Configs of a model's own code as those of its Transformers class; all others as they are. */
function transformersFields(json: object, where: string): object {
  if (isOriginalMamba(json)) return originalMamba(json, where);
  return isOriginalLongformer(json) ? originalLongformer(json, where) : json;
}

/** Python writes the numbers that JSON lacks by their names; outside strings, they become ones that overflow. */
function withoutInfinity(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\bInfinity\b/g, found => (found === 'Infinity' ? '1e999' : found));
}

function architectureOf(json: object, where: string): Architecture {
  const { model_type: type, architectures } = json as { model_type?: unknown; architectures?: unknown };
  const found =
    type === undefined ? byClass(architectures) : ARCHITECTURES.find(known => known.type === type);
  if (found !== undefined) return found;
  const known = ARCHITECTURES.map(architecture => architecture.type).join(', ');
  const given = type === undefined ? 'missing' : JSON.stringify(type);
  throw new Problem(`${where}: model_type is ${given}; Longsight opens ${known}.`);
}

/** The architecture that the class name tells, for configs without `model_type`. */
function byClass(architectures: unknown): Architecture | undefined {
  const named: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  if (typeof named !== 'string') return undefined;
  const stem = /^(.+?)(?:For[A-Z]\w*|LMHeadModel|DoubleHeadsModel|TextModel|Model)$/.exec(named)?.[1];
  return ARCHITECTURES.find(({ family }) => family === stem);
}
