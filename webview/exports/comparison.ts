/** The tables behind the comparison of variants. */

import type { CandidateSummary, ComparisonSummary } from '../../src/protocol/comparison';
import { mean, nameOf, valueOf } from '../candidates';
import type { Texts } from '../texts';
import type { Table } from './table';

/** All candidates, one a line; then every head, the most changed tokens and every layer of one of them; then the sweep. */
export function comparisonTables(
  comparison: ComparisonSummary,
  chosen: CandidateSummary | undefined,
  texts: Texts,
): readonly Table[] {
  return [
    candidatesTable(comparison),
    ...(chosen === undefined
      ? []
      : [headsTable(chosen, comparison), tokensTable(chosen, texts), layersTable(chosen)]),
    ...sweepTables(comparison),
  ];
}

function candidatesTable(comparison: ComparisonSummary): Table {
  const { candidates } = comparison;
  const known = candidates.filter(({ problem }) => problem === undefined);
  const all = [...known, ...candidates.filter(({ problem }) => problem !== undefined)];
  const of = <T>(read: (candidate: CandidateSummary) => T): readonly (T | undefined)[] =>
    all.map(candidate => (candidate.problem === undefined ? read(candidate) : undefined));
  return {
    name: 'candidates',
    columns: {
      variant: all.map(nameOf),
      recall: of(({ recall }) => mean(recall)),
      'recall tokens': of(({ recallTokens }) => recallTokens),
      error: of(({ error }) => mean(error)),
      keys: of(({ keys }) => keys),
      'memory bytes': of(({ memory }) => memory),
      seconds: of(({ seconds }) => seconds),
      loss: of(({ live }) => live?.loss),
      'loss change': of(candidate => valueOf(candidate, 'loss', comparison)),
      'live seconds': of(({ live }) => live?.seconds),
      problem: all.map(({ problem }) => problem),
    },
  };
}

function headsTable(candidate: CandidateSummary, { layers, heads }: ComparisonSummary): Table {
  const places = Array.from({ length: layers * heads }, (_, at) => at);
  return {
    name: `heads of ${nameOf(candidate)}`,
    columns: {
      layer: places.map(at => Math.floor(at / heads)),
      head: places.map(at => at % heads),
      recall: candidate.recall,
      error: candidate.error,
    },
  };
}

function layersTable(candidate: CandidateSummary): Table {
  const { layerMemory } = candidate;
  return {
    name: `layers of ${nameOf(candidate)}`,
    columns: { layer: layerMemory.map((_, layer) => layer), 'memory bytes': layerMemory },
  };
}

function tokensTable(candidate: CandidateSummary, texts: Texts): Table {
  const { hurt } = candidate;
  return {
    name: `tokens of ${nameOf(candidate)}`,
    columns: {
      token: hurt.map(({ token }) => token),
      line: hurt.map(({ token }) => texts.of(token)?.line),
      text: hurt.map(({ token }) => texts.of(token)?.text),
      error: hurt.map(({ error }) => error),
      'loss change': hurt.map(({ lossChange }) => lossChange),
    },
  };
}

function sweepTables({ sweep }: ComparisonSummary): readonly Table[] {
  // Messages write what is missing as null.
  if (!sweep) return [];
  const { budgets, param } = sweep;
  return [
    {
      name: 'sweep',
      columns: {
        layer: budgets.map(({ layer }) => layer),
        head: budgets.map(({ head }) => head),
        [`smallest ${param}`]: budgets.map(({ value }) => value),
        recall: budgets.map(({ recall }) => recall),
        kind: budgets.map(({ kind }) => kind),
      },
    },
  ];
}
