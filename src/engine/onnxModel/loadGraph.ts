/** A graph brought into the runtime: in parts where that works, whole where not. */

import { toBinary } from '@bufbuild/protobuf';

import { Problem } from '../../protocol/problem';
import type { Feeds } from '../onnx/graph';
import { type Model, ModelSchema } from '../onnx/onnx_pb';
import { type ModelSession, openModelSession } from '../runtime/modelSession';
import { partedSession } from '../runtime/partedSession';
import type { PartCost } from './cost';
import { cutGraph } from './cuts';
import { shortened } from './graphRun';
import type { ModelFile } from './modelFile';
import type { Site } from './site';

export interface LoadedGraph {
  readonly session: ModelSession;
  /** One where it runs whole. */
  readonly parts: readonly PartCost[];
}

interface Trial {
  readonly sites: readonly Site[];
  /** Of a short text: running it tells the types of what passes between parts. */
  readonly feeds: Feeds;
}

/**
 * @param model with the nodes of `file` first.
 * @throws Problem in the runtime's words for a graph that it cannot load.
 */
export async function loadGraph(
  model: Model,
  { graph, path, root }: ModelFile,
  { sites, feeds }: Trial,
): Promise<LoadedGraph> {
  const truths = sites.map(({ truth }) => truth.tap.value);
  const parts = cutGraph(model, graph.node.length, truths);
  if (parts.length > 1) {
    const session = partedSession(parts, root);
    try {
      await session.run(
        feeds,
        model.graph!.output.map(({ name }) => name),
      );
      return { session, parts };
    } catch {
      // A part may need what only the whole has: then no more is known of a run than that it goes on.
      await session.release();
    }
  }
  const [weights, count] = [parts.reduce((sum, part) => sum + part.weights, 0), sites.length];
  try {
    const session = await openModelSession(toBinary(ModelSchema, model), root);
    return { session, parts: [{ weights, sites: count }] };
  } catch (error) {
    throw new Problem(`ONNX Runtime cannot load ${path}: ${shortened(error)}.`);
  }
}
