/**
 * An inspection as one page that opens without server, network or scripts. Every number of a table or list
 * stands in a `data` element with all its digits.
 */

import { createHash } from 'node:crypto';

import { describeChoice } from '../../protocol/choiceText';
import type { InspectionSummary, RowRef } from '../../protocol/inspection';
import { brief, fixed, whole } from './numbers';
import { data, section } from './parts';
import {
  headSection,
  hurtSection,
  LISTED,
  lossSection,
  overviewSection,
  type ReportContent,
  rowSection,
} from './sections';
import { STYLE } from './style';
import { hurtsOf } from '../hurts';
import type { Inspection } from '../inspection';
import { writePieces } from '../inspectionFile';
import { type Content, Markup, tag } from './markup';

/** Cells of the row's drawing. */
const CELLS = 360;

interface ReportOptions {
  readonly name: string;
  readonly file: string;
  readonly row: RowRef;
  readonly top: number;
}

/** @throws Problem where the row does not exist, or the file cannot be written. */
export async function writeReport(
  inspection: Inspection,
  { name, file, row, top }: ReportOptions,
): Promise<void> {
  const { text, table } = inspection.subject.source;
  const page = htmlReport({
    name,
    text,
    table,
    summary: inspection.summary(),
    overview: inspection.overview(),
    row: await inspection.row({ ...row, top, profile: Math.min(CELLS, inspection.tokens), against: true }),
    stats: inspection.stats(row),
    losses: inspection.losses,
    hurts: hurtsOf(inspection, undefined, LISTED),
  });
  await writePieces([page], file);
}

export function htmlReport(content: ReportContent): string {
  const { name, summary } = content;
  const hash = createHash('sha256').update(STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const title = `${name} – attention of ${summary.model.name}`;
  const page = tag(
    'html',
    { lang: 'en' },
    tag(
      'head',
      {},
      tag('meta', { charset: 'utf-8' }),
      tag('meta', { 'http-equiv': 'Content-Security-Policy', content: policy }),
      tag('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      tag('title', {}, title),
      style(),
    ),
    tag('body', {}, tag('main', {}, ...sections(content))),
  );
  return `<!DOCTYPE html>\n${page.source}\n`;
}

/** The style sheet is not text of an element but of the page: its quotes stay. */
function style(): Markup {
  return new Markup(`<style>${STYLE}</style>`);
}

function sections(content: ReportContent): readonly Content[] {
  return [
    tag('h1', {}, content.name),
    tag(
      'p',
      { class: 'lead' },
      `What ${content.summary.model.name} attends to in this document, as Longsight found it.`,
    ),
    summarySection(content.summary),
    overviewSection(content),
    rowSection(content),
    headSection(content),
    content.hurts.length === 0 ? undefined : hurtSection(content),
    lossSection(content),
    tag('footer', {}, 'Written by Longsight. Positions count tokens from 0; lines count from 1.'),
  ];
}

function summarySection(summary: InspectionSummary): Markup {
  const { model, variant, schedule, layerVariants, device, tokens, loss, seconds, notes } = summary;
  const shadow = schedule.mode === 'shadow';
  const line = (label: string, ...value: readonly Content[]): Markup =>
    tag('tr', {}, tag('th', { scope: 'row' }, label), tag('td', {}, ...value));
  return section(
    'Summary',
    tag(
      'table',
      { class: 'summary' },
      line('Model', `${model.name}, ${model.architecture}, ${whole(model.parameters)} parameters`),
      line('Layers and heads', `${summary.layers} layers of ${summary.heads} heads, ${model.headWidth} wide`),
      line(
        'Attention',
        describeChoice(variant),
        shadow ? ', in shadow: the model runs dense and the variant is laid beside it' : ', live',
      ),
      line(
        'Of each layer',
        layerVariants.map((choice, layer) => `${layer}: ${describeChoice(choice)}`).join('; '),
      ),
      line('Tokens', data(tokens, whole)),
      line('Mean loss', loss === undefined ? 'none' : [data(loss, fixed(3)), ' nats a token']),
      line(
        'Device',
        device.precision === 'float16' ? `${device.name} in float16` : device.name,
        device.fallback === undefined ? '' : ` (${device.fallback})`,
      ),
      line('Time', `${brief(seconds)} s`),
    ),
    notes.length === 0
      ? undefined
      : [
          tag('h3', {}, 'What to know of these numbers'),
          tag('ul', {}, ...notes.map(note => tag('li', {}, note))),
        ],
  );
}
