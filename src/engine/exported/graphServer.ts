/** The answers to the calls of `GraphApi`. */

import { scoreTokens, type TokenScores } from '../analysis/logits';
import type { GraphApi, GraphEvents, GraphOutline, LayerOutline } from './graphApi';
import { PREDICTIONS } from '../model/layers';
import { writeNumbers } from './numberFile';
import type { Exported, ExportedLayer } from '../onnxModel/graphRun';
import type { Heads, HeadShape } from '../onnxModel/heads';
import { openOnnxModel, type OnnxModel } from '../onnxModel/onnxModel';

export function createGraphServer({ progress }: GraphEvents): GraphApi {
  let model: OnnxModel | undefined;
  return {
    async open(path) {
      model = await openOnnxModel(path);
      return outline(model);
    },
    async run({ ids, numbers, result: isWanted }) {
      const causal = model!.layers.every(({ attention }) => attention.causal);
      const exported = await model!.run(ids, causal || isWanted, progress);
      const { layers, result } = exported;
      const parts = layers.flatMap(({ q, k, v }) => [q.data, k.data, v.data]);
      if (isWanted && result !== undefined) parts.push(result.data);
      await writeNumbers(numbers, parts);
      return {
        layers: layers.map(layerOutline),
        result: isWanted && result ? { kind: result.kind, width: result.width } : undefined,
        scores: scoresOf(exported, ids),
      };
    },
  };
}

/** Losses are those of a model that sees nothing ahead: another one's logits stand for the token itself. */
function scoresOf({ layers, result }: Exported, ids: Int32Array): TokenScores | undefined {
  if (result?.kind !== 'logits' || !layers.every(({ attention }) => attention.causal)) return undefined;
  return scoreTokens(result.data, ids, PREDICTIONS);
}

function outline(model: OnnxModel): GraphOutline {
  const { path, stamp, files, found, layers, parameters, weights, vocabulary, most, notes } = model;
  const outlines = layers.map(layerOutline);
  return { path, stamp, files, found, layers: outlines, parameters, weights, vocabulary, most, notes };
}

function layerOutline({ name, attention, bias, q, k, v }: ExportedLayer): LayerOutline {
  return { name, attention, bias, q: shapeOf(q), k: shapeOf(k), v: shapeOf(v) };
}

function shapeOf({ heads, tokens, width }: Heads): HeadShape {
  return { heads, tokens, width };
}
