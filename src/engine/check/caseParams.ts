/** Parameters of a case file, as people write them. */

import type { VariantInfo } from '../../protocol/inspection';
import { Problem } from '../../protocol/problem';
import type { TensorFile } from '../model/safetensors';
import { floats, type FloatTensor } from '../onnx/tensor';
import type { Tensors } from '../variants/primitives/mixer';

type Given = Readonly<Record<string, unknown>>;

/** Names that published code and configs have for what the product calls otherwise. */
const ALIASES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  rope: {
    rope_theta: 'base',
    theta: 'base',
    rope_type: 'scaling',
    type: 'scaling',
    max_position_embeddings: 'original_max_position_embeddings',
    L: 'original_max_position_embeddings',
  },
  'bias-t5': {
    num_buckets: 'buckets',
    relative_attention_num_buckets: 'buckets',
    relative_attention_max_distance: 'max_distance',
  },
  'bias-shaw': { max_relative_position: 'clip', max_relative_positions: 'clip' },
  'recurrent-memory': { positions: 'position', bias: 'position', rope_theta: 'base' },
};

/** Parameters that may be objects: what is inside counts as given beside them. */
const NESTED = ['rope_scaling', 'rope_parameters', 'inner_params', 'innerParams', 'params'];

/**
 * The parameters that a case file gives. A null stands for one that is not given, and a seed means nothing
 * to a variant that draws nothing. The scaling of rotary positions may be an object as in a model's config,
 * and an inner variant may be one with its own parameters.
 *
 * @throws Problem when they are no JSON object.
 */
export function givenParams(file: TensorFile, { id, params }: VariantInfo): Given {
  const text = file.metadata.get('params') ?? '';
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : (JSON.parse(text) ?? {});
  } catch {
    value = undefined;
  }
  if (!isObject(value))
    throw new Problem(`The metadata 'params' of ${file.file} is no JSON object: ${text.slice(0, 80)}`);
  const named = renamed(flattened(value, params), ALIASES[id] ?? {});
  return Object.fromEntries(
    Object.entries(named).filter(
      ([name, item]) => item !== null && (name !== 'seed' || Object.hasOwn(params, name)),
    ),
  );
}

/** Parameters, and small tensors that were written among them as lists of numbers. */
export function withoutLists(
  given: Given,
  { params }: VariantInfo,
  names: ReadonlySet<string>,
): { readonly params: Given; readonly tensors: Tensors } {
  const tensors: Record<string, FloatTensor> = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const tensor = names.has(name) && !Object.hasOwn(params, name) ? listed(value) : undefined;
    if (tensor === undefined) rest[name] = value;
    else tensors[name] = tensor;
  }
  return { params: rest, tensors };
}

/** Lists of lists of numbers as a tensor; undefined for anything else, and for lists of unequal lengths. */
function listed(value: unknown): FloatTensor | undefined {
  if (!Array.isArray(value)) return undefined;
  const shape: number[] = [];
  for (let part: unknown = value; Array.isArray(part); part = part[0]) shape.push(part.length);
  const flat: readonly unknown[] = value.flat(shape.length - 1);
  const size = shape.reduce((product, length) => product * length, 1);
  const numbers = flat.filter(item => typeof item === 'number');
  return numbers.length === size && flat.length === size
    ? floats(shape, Float32Array.from(numbers))
    : undefined;
}

function flattened(given: Given, specs: VariantInfo['params']): Given {
  let flat: Given = {};
  for (const [name, value] of Object.entries(given)) {
    if (NESTED.includes(name) && !Object.hasOwn(specs, name)) {
      flat = isObject(value) ? { ...flat, ...flattened(value, specs) } : flat;
    } else if (isObject(value) && name === 'scaling') {
      flat = { ...flat, ...value };
    } else if (name === 'scaling' && value === 'none') {
      continue;
    } else if (isObject(value) && name === 'inner') {
      const { variant, id, ...rest } = value;
      flat = { ...flat, inner: variant ?? id, ...flattened(rest, specs) };
    } else {
      flat = { ...flat, [name]: value };
    }
  }
  return flat;
}

/** A name of the product's own goes before another that stands for it. */
function renamed(given: Given, aliases: Readonly<Record<string, string>>): Given {
  const others = Object.entries(given)
    .filter(([name]) => Object.hasOwn(aliases, name))
    .map(([name, value]) => [aliases[name]!, value] as const);
  const own = Object.entries(given).filter(([name]) => !Object.hasOwn(aliases, name));
  return { ...Object.fromEntries(others), ...Object.fromEntries(own) };
}

function isObject(value: unknown): value is Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
