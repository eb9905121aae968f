/**
 * Configs of Longformer's own code, from before the Transformers classes: those of a RoBERTa with an
 * `attention_mode`, whose windows are counted to one side. They are read as configs of the Transformers classes.
 */

import * as v from 'valibot';
import { Problem } from '../../../protocol/problem';
import { check, expectField, size } from '../configFields';

const Schema = v.looseObject({
  architectures: v.nullish(v.array(v.string())),
  attention_window: v.nullish(v.array(size(2 ** 23))),
  attention_dilation: v.nullish(v.array(v.number())),
});

export function isOriginalLongformer(json: object): boolean {
  const { model_type: type } = json as { model_type?: unknown };
  return 'attention_mode' in json && (type === undefined || type === 'roberta' || type === 'longformer');
}

/** @throws Problem for what the Transformers classes do not compute: dilation, one-sided windows, blocks. */
export function originalLongformer(json: object, where: string): object {
  const raw = check(Schema, json, where);
  expectField(json, 'attention_mode', ['n2', 'tvm', 'sliding_chunks'], where);
  expectField(json, 'autoregressive', [false], where);
  if (raw.attention_dilation?.some(step => step !== 1)) {
    throw new Problem(
      `${where}: attention_dilation is ${JSON.stringify(raw.attention_dilation)}; Longsight computes windows ` +
        'without gaps only.',
    );
  }
  const isWindowed = raw['attention_mode'] !== 'n2';
  const family = isWindowed ? 'Longformer' : 'Roberta';
  const [named] = raw.architectures ?? [];
  return {
    ...json,
    model_type: family.toLowerCase(),
    // The body is a plain `Longformer` there.
    architectures: named === undefined ? undefined : [`${family}${/For\w+$/.exec(named)?.[0] ?? 'Model'}`],
    ...(isWindowed && { attention_window: raw.attention_window?.map(side => 2 * side) }),
  };
}
