/** The kinds of models by their paths: a checkpoint folder, a tensor dump, an exported ONNX graph. */

import type { InspectRequest } from '../protocol/engine';
import type { ModelInfo } from '../protocol/inspection';
import { Problem } from '../protocol/problem';
import { isDump, openDump } from './dump';
import { describeExported, openExported, type Opening } from './exported/exported';
import { describeCheckpoint } from './model/checkpoint';
import { findModelFile } from './onnxModel/modelFile';
import type { ReadyModel } from './ready';
import { checkLength } from './source';

/**
 * @param graphProgram the bundle that runs exported graphs.
 * @throws Problem for what is no model.
 */
export async function describeModel(model: string, graphProgram: string): Promise<ModelInfo> {
  if (isDump(model)) return (await openDump(model)).info;
  const exported = await findModelFile(model);
  return exported === undefined ? describeCheckpoint(model) : describeExported(exported, graphProgram);
}

/** Undefined for a checkpoint, whose layers are computed as they are attended. */
export async function openReady(request: InspectRequest, opening: Opening): Promise<ReadyModel | undefined> {
  const { model, logits, maxTokens } = request;
  if (!isDump(model)) {
    const exported = await findModelFile(model);
    return exported === undefined ? undefined : openExported(exported, request, opening);
  }
  if (logits !== undefined) {
    throw new Problem('A tensor dump has no model to make logits; leave them out, or inspect a checkpoint.');
  }
  const dump = await openDump(model);
  checkLength(dump.source, maxTokens);
  return dump;
}
