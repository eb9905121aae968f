/** How an architecture is written down: its config, its tensors, its stages. */

import type { ModelInfo } from '../../protocol/inspection';
import type { ModelConfig } from './config';
import type { Decoder } from './decoder';
import type { TensorEntry } from './tensor';
import { TensorList } from './tensorList';
import { type MatrixFormat, Weights } from './weights';

/** What the stages of a model are made of. */
export interface Parts {
  readonly info: ModelInfo;
  readonly weights: Weights;
  /** Whether the checkpoint has a head over the vocabulary. */
  readonly head: boolean;
}

/** Architectures that differ only in what their configs say are one family. */
export interface Family<C extends ModelConfig> {
  /** Before the names of the body's tensors when the model has a head. */
  readonly prefix: string;
  /** Other prefixes under which the body has been published; a bare body has none. */
  readonly otherPrefixes?: readonly string[];
  /** A tensor of every body, without the prefix: it tells which prefix a checkpoint uses. */
  readonly anchor: string;
  /** A tensor that tells a head, for configs that name no class. */
  readonly headTensor: string;
  /** Whether a head that is tied to the embedding has no tensor of its own. */
  readonly tiedHeadIsSilent?: boolean;
  /** Names of the past: what they end in, and what they end in now. */
  readonly renamed?: readonly (readonly [old: string, now: string])[];
  /** Lists the tensors of the body and, where there is one, of the head. */
  tensors(config: C, list: TensorList, head: boolean): void;
  stages(config: C, parts: Parts): Decoder;
}

/** One checkpoint's config, understood. */
export interface Blueprint {
  readonly config: ModelConfig;
  readonly layout: Omit<Family<ModelConfig>, 'tensors' | 'stages'>;
  tensors(head: boolean): TensorList;
  decoder(checkpoint: OpenParts): Decoder;
}

interface OpenParts {
  readonly info: ModelInfo;
  readonly stamp: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly head: boolean;
  readonly format: MatrixFormat;
}

export interface Architecture {
  /** The `model_type` of its configs. */
  readonly type: string;
  /** What the names of its classes start with, such as `Llama`. */
  readonly family: string;
  read(json: object, where: string): Blueprint;
}

export function architecture<C extends ModelConfig>(
  type: string,
  name: string,
  family: Family<C>,
  read: (json: object, where: string) => NoInfer<C>,
): Architecture {
  return {
    type,
    family: name,
    read(json, where) {
      const config = read(json, where);
      return {
        config,
        layout: family,
        tensors(head) {
          const list = new TensorList();
          family.tensors(config, list, head);
          return list;
        },
        decoder: ({ info, stamp, tensors, head, format }) =>
          family.stages(config, { info, head, weights: new Weights({ tensors, stamp, format }) }),
      };
    },
  };
}
