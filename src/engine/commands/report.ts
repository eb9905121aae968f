/** What the command line prints. */

import type {
  AgainstDense,
  InspectionSummary,
  ParamSpec,
  Row,
  TensorSpec,
  VariantChoice,
  VariantInfo,
} from '../../protocol/inspection';
import type { Memory } from '../../protocol/memory';
import type { CheckResult } from '../check/check';
import { memoryJson, memoryText } from './memoryReport';

interface Report {
  readonly summary: InspectionSummary;
  readonly seconds: number;
  readonly row: Row;
  /** What the row reads from, where it was asked for; null where there is none. */
  readonly memory?: Memory | null;
  textOf(token: number): string;
}

const NO_MEMORY = 'This variant has no memory but the keys themselves.';

export function inspectionReport(report: Report, json: boolean): string {
  return json ? JSON.stringify(inspectionJson(report), undefined, 2) : inspectionText(report);
}

function inspectionJson({ summary, seconds, row, memory, textOf }: Report) {
  const { layer, head, token, entropy, span, mass } = row;
  return {
    model: summary.model.name,
    variant: summary.variant.id,
    mode: summary.schedule.mode,
    layerVariants: summary.layerVariants,
    device: summary.device.name,
    precision: summary.device.precision,
    weights: summary.weights,
    tokens: summary.tokens,
    layers: summary.layers,
    heads: summary.heads,
    loss: summary.loss ?? null,
    seconds,
    notes: summary.notes,
    row: {
      layer,
      head,
      token,
      text: textOf(token),
      position: token,
      entropy,
      span,
      mass,
      distribution: row.distribution,
      against: row.against ?? null,
      keys: row.keys.map(({ index, weight }) => ({ index, weight, text: textOf(index) })),
    },
    ...(memory === undefined ? {} : { memory: memory === null ? null : memoryJson(memory, textOf) }),
  };
}

function inspectionText({ summary, seconds, row, memory, textOf }: Report): string {
  const { model, variant, device, weights } = summary;
  const loss =
    summary.loss === undefined ? 'no next-token loss' : `loss ${summary.loss.toFixed(3)} nats a token`;
  const keys = row.keys.map(({ index, weight }) => {
    const distance = String(row.token - index).padStart(8);
    return `${String(index).padStart(8)}${distance}${weight.toFixed(4).padStart(10)}  ${visible(textOf(index))}`;
  });
  return [
    `${model.name}  ${showChoice(variant)}${showSchedule(summary)}  on ${device.name}${device.precision === 'float16' ? ' in float16' : ''}${weights === 'int8' ? ', 8-bit weights' : ''}`,
    `${summary.tokens} tokens, ${summary.layers} layers x ${summary.heads} heads, ${loss}, ${seconds.toFixed(1)} s`,
    ...summary.notes,
    '',
    `Layer ${row.layer}, head ${row.head}, token ${row.token} ${visible(textOf(row.token))}`,
    `${showChoice(summary.layerVariants[row.layer]!)}: entropy ${row.entropy.toFixed(3)} nats, span ${row.span} tokens, sink ${row.sink.toFixed(3)}, ` +
      `${row.admitted} keys admitted, ${(100 * row.mass).toFixed(1)} % of the mass listed`,
    ...(row.against === undefined ? [] : [showAgainst(row.against)]),
    '',
    `${'key'.padStart(8)}${'distance'.padStart(10)}${'weight'.padStart(10)}  text`,
    ...keys,
    ...(memory === undefined ? [] : ['', memory === null ? NO_MEMORY : memoryText(memory, textOf)]),
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
    const tensors = Object.entries(info.tensors).map(([name, spec]) => `\`${name}\` ${showTensor(spec)}`);
    const own = tensors.join('; ') || 'none';
    return `| \`${info.id}\` | ${info.summary} | ${params.join('; ')} | ${plan} | ${info.cost} | ${info.trainingClass} | ${info.source} | ${own} |`;
  });
  return [
    '| id | what a token sees | parameters (default, allowed) | plan | cost | class | source | own tensors (what stands in) |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function showTensor({ shape, origin, standIn }: TensorSpec): string {
  return `${shape} (${origin}: ${standIn})`;
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

/** As the command line takes it, such as `local (window=64)`. */
export function showChoice({ id, params }: VariantChoice): string {
  const shown = Object.entries(params).map(([name, value]) => `${name}=${String(value)}`);
  return shown.length === 0 ? id : `${id} (${shown.join(', ')})`;
}

function showSchedule({ schedule }: InspectionSummary): string {
  const where = schedule.layers === 'all' ? '' : `, in layers ${schedule.layers}`;
  const others = schedule.others.map(({ layers, variant }) => `, ${showChoice(variant)} in ${layers}`);
  return [where, ...others, schedule.mode === 'shadow' ? ', in shadow' : ''].join('');
}

function showAgainst({ recall, error, span }: AgainstDense): string {
  return `against dense: recall ${recall.toFixed(3)}, output error ${error.toFixed(3)}, dense span ${span} tokens`;
}

/** A token's text on one line, white space made visible. */
function visible(text: string): string {
  return JSON.stringify(text);
}
