/** Which variant attends in which layer of a model. */

import type { InspectRequest } from '../protocol/engine';
import type { Note, VariantChoice, VariantInfo } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import type { NativeAttention } from './model/decoder';
import { numberList } from './numberList';
import { variantById, VARIANTS } from './variants';
import type { Tensors, Variant } from './variants/primitives/mixer';
import { resolveParams } from './variants/primitives/params';

/** Stands in the list of variants for what the model itself does. */
export const NATIVE: VariantInfo = {
  id: 'native',
  title: "The model's own",
  summary:
    'Every layer attends as the model was made: dense, with its own windows, or through its own state.',
  source: 'the config of the checkpoint',
  trainingClass: 'TF',
  cost: 'that of the model',
  plan: [],
  params: {},
  tensors: {},
};

/** What can be chosen. */
export const VARIANT_INFOS: readonly VariantInfo[] = [NATIVE, ...VARIANTS.map(({ info }) => info)];

export interface LayerAttention {
  readonly variant: Variant;
  readonly choice: VariantChoice;
}

/**
 * `[L]`: what each layer attends with.
 *
 * @throws Problem for an unknown variant, a parameter it does not take, and layers the model does not have.
 */
export function scheduleLayers(
  { variant, schedule }: Pick<InspectRequest, 'variant' | 'schedule'>,
  own: readonly LayerAttention[],
): readonly LayerAttention[] {
  const layers = [...own];
  for (const part of [{ layers: schedule.layers, variant }, ...schedule.others]) {
    const isNative = part.variant.id === NATIVE.id;
    if (isNative) resolveParams(NATIVE.id, NATIVE.params, part.variant.params);
    for (const layer of readLayers(part.layers, own.length)) {
      const its = own[layer]!;
      layers[layer] = isNative ? its : attention(facing(part.variant, its));
    }
  }
  return layers;
}

/** A model's own attention in one layer, as a variant. */
export function nativeAttention({ causal, window, globals, mixer }: NativeAttention): LayerAttention {
  if (mixer !== undefined) return attention({ id: mixer, params: {} });
  const params = causal ? {} : { causal };
  if (globals && window !== undefined) {
    return attention({ id: 'longformer', params: { window: window - 1, causal } });
  }
  return attention(
    window === undefined ? { id: 'dense', params } : { id: 'local', params: { ...params, window } },
  );
}

/**
 * The choice, looking to both sides where the layer's own attention does, unless it says which way.
 *
 * @throws Problem where nothing can be laid over the layer's own mixer.
 */
export function facing(choice: VariantChoice, own: LayerAttention): VariantChoice {
  const { info, standsAlone } = own.variant;
  if (standsAlone !== undefined && choice.id !== info.id) {
    throw new Problem(`${standsAlone}: choose 'native' or '${info.id}' here, not '${choice.id}'.`);
  }
  const turns = Object.hasOwn(variantById(choice.id).info.params, 'causal');
  const isOpen = choice.params['causal'] === undefined && own.choice.params['causal'] === false;
  return turns && isOpen ? { ...choice, params: { ...choice.params, causal: false } } : choice;
}

/** The choice by its plain name where every layer of the model attends alike, as `native` would. */
export function chosenVariant(choice: VariantChoice, own: readonly LayerAttention[]): VariantChoice {
  const [first] = own;
  const uniform = first !== undefined && own.every(layer => sameAttention(layer, first));
  return choice.id === NATIVE.id && uniform ? first.choice : choice;
}

export function sameAttention(one: LayerAttention, other: LayerAttention): boolean {
  // What is not given stands at its default, and in the order in which the variant declares it.
  const flat = ({ variant: { info }, choice }: LayerAttention) =>
    JSON.stringify([info.id, resolveParams(info.id, info.params, choice.params)]);
  return flat(one) === flat(other);
}

/**
 * Whether one weighs no key that the model's own attention does not. Dense attention admits all that another
 * can, unless the other alone looks ahead.
 */
export function isWithin({ choice }: LayerAttention, { choice: own }: LayerAttention): boolean {
  return own.id === 'dense' && (choice.params['causal'] !== false || own.params['causal'] === false);
}

/**
 * Layer numbers from words such as `all` or `0, 2-3`.
 *
 * @param count how many layers the model has.
 */
export function readLayers(words: string, count: number): readonly number[] {
  return numberList(words, count, 'layers');
}

/** One sentence for every tensor of the variant's own that was not given and had to be found or drawn. */
export function standIns({ title, tensors }: VariantInfo, given: Tensors): readonly Note[] {
  return Object.entries(tensors)
    .filter(([name]) => given[name] === undefined)
    .map(([name, { origin, standIn }]) => `${title}: ${name} is ${ORIGINS[origin]}: ${standIn}.`);
}

const ORIGINS = {
  fitted: 'fitted to this document',
  random: 'random',
  set: 'not learned but set',
} as const;

/** @throws Problem for an unknown variant and parameters it does not take. */
export function attention(choice: VariantChoice): LayerAttention {
  const variant = variantById(choice.id);
  resolveParams(variant.info.id, variant.info.params, choice.params);
  return { variant, choice };
}
