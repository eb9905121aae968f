/** What the command line prints. */

import type { InspectionSummary, ParamSpec, Row, VariantInfo } from '../protocol/inspection';
import type { CheckResult } from './check';

interface Report {
  readonly summary: InspectionSummary;
  readonly seconds: number;
  readonly row: Row;
  textOf(token: number): string;
}

export function inspectionReport(report: Report, json: boolean): string {
  return json ? JSON.stringify(inspectionJson(report), undefined, 2) : inspectionText(report);
}

function inspectionJson({ summary, seconds, row, textOf }: Report) {
  const { layer, head, token, entropy, span, mass } = row;
  return {
    model: summary.model.name,
    variant: summary.variant.id,
    device: summary.device.name,
    tokens: summary.tokens,
    layers: summary.layers,
    heads: summary.heads,
    loss: summary.loss ?? null,
    seconds,
    row: {
      layer,
      head,
      token,
      text: textOf(token),
      position: token,
      entropy,
      span,
      mass,
      keys: row.keys.map(({ index, weight }) => ({ index, weight, text: textOf(index) })),
    },
  };
}

function inspectionText({ summary, seconds, row, textOf }: Report): string {
  const { model, variant, device } = summary;
  const loss =
    summary.loss === undefined ? 'no next-token loss' : `loss ${summary.loss.toFixed(3)} nats a token`;
  const keys = row.keys.map(({ index, weight }) => {
    const distance = String(row.token - index).padStart(8);
    return `${String(index).padStart(8)}${distance}${weight.toFixed(4).padStart(10)}  ${visible(textOf(index))}`;
  });
  return [
    `${model.name}  ${variant.id}${showParams(variant.params)}  on ${device.name}`,
    `${summary.tokens} tokens, ${summary.layers} layers x ${summary.heads} heads, ${loss}, ${seconds.toFixed(1)} s`,
    ...summary.notes,
    '',
    `Layer ${row.layer}, head ${row.head}, token ${row.token} ${visible(textOf(row.token))}`,
    `entropy ${row.entropy.toFixed(3)} nats, span ${row.span} tokens, sink ${row.sink.toFixed(3)}, ` +
      `${row.admitted} keys admitted, ${(100 * row.mass).toFixed(1)} % of the mass listed`,
    '',
    `${'key'.padStart(8)}${'distance'.padStart(10)}${'weight'.padStart(10)}  text`,
    ...keys,
  ].join('\n');
}

export function checkLine({ status, id, file, y, m, message }: CheckResult): string {
  const error = (value: number | undefined) => (value === undefined ? '-' : value.toExponential(2));
  const numbers = message ?? `${error(y)} ${error(m)}`;
  return `${status} ${id} ${file} ${numbers}`;
}

/** A Markdown table, one row a variant. */
export function variantTable(infos: readonly VariantInfo[]): string {
  const rows = infos.map(info => {
    const params = Object.entries(info.params).map(([name, spec]) => `\`${name}\` ${showSpec(spec)}`);
    const plan = info.plan.join(', ') || 'none';
    return `| \`${info.id}\` | ${info.summary} | ${params.join('; ')} | ${plan} | ${info.cost} | ${info.trainingClass} | ${info.source} |`;
  });
  return [
    '| id | what a token sees | parameters (default, allowed) | plan | cost | class | source |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function showSpec(spec: ParamSpec): string {
  switch (spec.type) {
    case 'boolean':
      return `(${spec.default})`;
    case 'choice':
      return `(${spec.default}; ${spec.choices.join(', ')})`;
    case 'size':
      return `(${spec.default}; ${spec.min}–${spec.max}, ${spec.words.join(', ')})`;
    case 'integer':
    case 'number':
      return `(${spec.default}; ${spec.min}–${spec.max})`;
  }
}

function showParams(params: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(params).map(([name, value]) => `${name}=${String(value)}`);
  return shown.length === 0 ? '' : ` (${shown.join(', ')})`;
}

/** A token's text on one line, white space made visible. */
function visible(text: string): string {
  return JSON.stringify(text);
}
