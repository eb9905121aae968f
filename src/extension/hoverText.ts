/** What a hover says of a token, as Markdown. */

import type { InspectionSummary, Row, TokenDetail } from '../protocol/inspection';
import type { Selection } from '../protocol/panel';
import { code, codeCell, commandLink, count, countOf, figure, percent, plain, shorten } from './markdown';
import { describeChoice } from '../protocol/choiceText';

/** Commands a hover may run. */
export const HOVER_COMMANDS = [
  'longsight.pinTokenAt',
  'longsight.unpinToken',
  'longsight.revealInPanel',
  'longsight.inspectAgain',
] as const;

export interface HoverContent {
  /** The document's URI, for the links. */
  readonly document: string;
  readonly token: number;
  readonly summary: InspectionSummary;
  readonly selection: Selection;
  readonly staleFrom: number | undefined;
  readonly detail: TokenDetail;
  /** The token's row of the selected head; undefined while its layer is not computed. */
  readonly row: Row | undefined;
  /** The document's text under a token. */
  readonly textOf: (token: number) => string;
}

/** How many attended tokens a hover lists. */
export const HOVER_KEYS = 8;
const PREDICTIONS = 5;
const TEXT_LIMIT = 32;

export function hoverText(content: HoverContent): string {
  const { detail, row, selection, staleFrom } = content;
  return [
    heading(content),
    lossLine(detail),
    ...(staleFrom !== undefined && content.token >= staleFrom ? [staleLine(content)] : []),
    row === undefined ? notYet(selection) : rowLine(row, content),
    // Before the table: a hover is low, and what does not fit must be scrolled to.
    links(content),
    ...(row === undefined ? [] : [keyTable(row, content)]),
    ...(detail.path.length === 0
      ? []
      : [`Segment: ${detail.path.map(name => plain(shorten(name, 48))).join(' › ')}`]),
  ].join('\n\n');
}

function heading({ detail, summary, token }: HoverContent): string {
  const text = code(shorten(detail.text, TEXT_LIMIT));
  const piece = code(shorten(detail.piece, TEXT_LIMIT));
  return `**Token ${count(token)}** of ${count(summary.tokens)}: ${text} · entry ${piece} · id ${detail.id}`;
}

function lossLine({ loss, predictions }: TokenDetail): string {
  if (loss === undefined) return 'The first token has nothing before it, so no loss and no prediction.';
  const parts = [`Loss ${figure(loss, 2)} nats (probability ${percent(Math.exp(-loss))})`];
  if (predictions.length > 0) {
    const listed = predictions
      .slice(0, PREDICTIONS)
      .map(entry => `${code(shorten(entry.text, TEXT_LIMIT))} ${percent(Math.exp(entry.logProbability))}`);
    parts.push(`the model expected ${listed.join(', ')}`);
  }
  return `${parts.join('; ')}.`;
}

function notYet({ layer, head }: Selection): string {
  return `Layer ${layer}, head ${head} is not computed yet; its row appears as the run goes on.`;
}

function staleLine({ document }: HoverContent): string {
  return `The text changed at or before this token, so these figures are those of the earlier text. ${commandLink('Inspect again', 'longsight.inspectAgain', document)}`;
}

function rowLine(row: Row, { summary }: HoverContent): string {
  const signed = row.distribution ? '' : ' · signed, so weights do not sum to 1';
  return `**Layer ${row.layer}, head ${row.head}**, ${plain(describeChoice(summary.layerVariants[row.layer] ?? summary.variant))}: span ${countOf(row.span, 'token')} · entropy ${figure(row.entropy, 2)} nats · sink ${percent(row.sink)} · ${countOf(row.admitted, 'key')} admitted${signed}${againstLine(row)}`;
}

function againstLine({ against }: Row): string {
  if (against === undefined) return '';
  return ` · against dense: recall ${percent(against.recall)}, output error ${percent(against.error)}`;
}

function keyTable(row: Row, { textOf }: HoverContent): string {
  const keys = row.keys.slice(0, HOVER_KEYS);
  if (keys.length === 0) return 'The variant admitted no key here.';
  const lines = keys.map(key => {
    const weight = row.distribution ? percent(key.weight) : figure(key.weight, 4);
    const text = codeCell(shorten(textOf(key.index), TEXT_LIMIT));
    return `| ${text} | ${count(key.index)} | ${count(row.token - key.index)} | ${weight} |`;
  });
  return ['| attended | token | back | weight |', '|:--|--:|--:|--:|', ...lines].join('\n');
}

function links({ document, token, selection }: HoverContent): string {
  const pinnedHere = selection.pinned && selection.token === token;
  return [
    pinnedHere
      ? commandLink('Unpin', 'longsight.unpinToken')
      : commandLink('Pin this token', 'longsight.pinTokenAt', document, token),
    commandLink('Show in the panel', 'longsight.revealInPanel', document, token),
  ].join(' · ');
}
