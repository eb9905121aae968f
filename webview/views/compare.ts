/** Variants held against the model's own attention: what they keep, what they cost, and where they lose. */

import { describeBytes } from '../../src/protocol/bytesText';
import type { CandidateSummary, ComparisonSummary } from '../../src/protocol/comparison';
import type { PanelCommand } from '../../src/protocol/panel';
import { chosenOf } from '../candidates';
import type { Context } from '../context';
import { h, setText, show } from '../dom';
import { comparisonTables } from '../exports/comparison';
import { type Exported, exportMenu } from '../exports/menu';
import { stacked } from '../exports/picture';
import { count, duration, nats, plural } from '../format';
import { icon } from '../icons';
import { Latest } from '../latest';
import { section, tableToggle } from '../section';
import { button, iconButton } from '../ui';
import { WhenSeen } from '../whenSeen';
import { createCompareCandidate } from './compareCandidate';
import { createComparePlot } from './comparePlot';
import { createCompareSweep } from './compareSweep';
import { createCompareTable } from './compareTable';
import { createRunBar } from './runBar';

export function createCompare(context: Context): HTMLElement {
  const { store, texts } = context;
  const view = section(
    'compare',
    'Variants compared',
    'Variants held against the model’s own attention on this document: what they keep, what they cost, and where they lose',
  );
  let comparison: ComparisonSummary | undefined;

  const run = (command: PanelCommand) => () => context.attempt(() => context.host.run(command));
  const choose = (candidate: string): void => store.chooseCompare({ candidate });
  const plot = createComparePlot(context, choose);
  const table = createCompareTable(context, choose);
  const candidate = createCompareCandidate(context);
  const sweep = createCompareSweep(context);
  const baseline = h('p', { class: 'says' });
  const results = h(
    'div',
    { class: 'results' },
    baseline,
    plot.element,
    table.element,
    sweep.element,
    candidate.element,
  );

  const running = createRunBar('Comparison', run('cancelComparison'));
  const problem = h('p', { class: 'sentence problem', role: 'alert', hidden: true });
  const empty = h(
    'div',
    { class: 'empty' },
    h(
      'p',
      { class: 'sentence' },
      'No variants were compared on this document yet. Pick some, or sweep one variant’s budget: each is held against the model’s own attention on the same queries, keys and values.',
    ),
    h(
      'div',
      { class: 'actions' },
      button({
        text: 'Compare Variants',
        help: 'Pick variants and compare them on this document',
        act: run('compareVariants'),
      }),
      button({
        text: 'Sweep a Budget',
        help: 'Find the smallest budget that every head can do with',
        act: run('sweepVariant'),
      }),
    ),
  );
  const exporting = exportMenu(context, 'the comparison', exported);
  const toggle = tableToggle(store, 'compare', 'the heads');
  view.tools.append(
    iconButton({
      icon: icon('compare'),
      label: 'Compare variants',
      help: 'Pick variants and compare them on this document',
      act: run('compareVariants'),
    }),
    iconButton({
      icon: icon('sweep'),
      label: 'Sweep a budget',
      help: 'Find the smallest budget of a variant that every head can do with',
      act: run('sweepVariant'),
    }),
    exporting,
    toggle,
  );
  view.body.append(running.element, problem, empty, results);

  function chosen(): CandidateSummary | undefined {
    return comparison && chosenOf(comparison, store.model.choices.compare.candidate);
  }

  function exported(): Exported | undefined {
    if (comparison === undefined) return undefined;
    const drawings = [plot.drawing, ...(comparison.sweep ? [sweep.drawing] : []), candidate.drawing];
    return {
      title: 'Variants compared',
      drawing: stacked(drawings),
      tables: comparisonTables(comparison, chosen(), texts),
      more: [
        {
          text: 'Table as Markdown…',
          help: 'Save the comparison as a Markdown document',
          act: run('exportComparison'),
        },
      ],
    };
  }

  function write(): void {
    const { key, running: now } = store.model.state?.comparison ?? {};
    show(empty, typeof key !== 'string' && !now);
    for (const shown of [results, exporting, toggle]) show(shown, comparison !== undefined);
    const of = comparison;
    const picked = chosen();
    show(candidate.element, picked !== undefined);
    if (of === undefined) return;
    if (picked !== undefined) candidate.show(picked, of);
  }

  function showAll(of: ComparisonSummary): void {
    setText(baseline, ownText(of));
    plot.show(of);
    table.show(of);
    show(sweep.element, Boolean(of.sweep));
    if (of.sweep) sweep.show(of.sweep, of.heads);
  }

  const latest = new Latest<ComparisonSummary | undefined>(answer => {
    // A message writes what is missing as null.
    comparison = answer.kind === 'value' ? (answer.value ?? undefined) : undefined;
    if (answer.kind === 'problem') view.message(answer.problem, 'problem');
    else {
      view.message(undefined);
      if (comparison !== undefined) showAll(comparison);
      write();
    }
  });

  store.watch(
    ({ state }) => state?.inspection !== undefined,
    on => show(view.element, on),
  );
  const seen = new WhenSeen(view.content);
  store.watch(
    ({ state }) => state?.comparison.key,
    key => {
      latest.forget();
      seen.forget();
      if (typeof key === 'string') {
        if (comparison === undefined) view.message('Looking…');
        seen.ask(() => latest.ask(key, () => context.host.comparison()));
      } else {
        comparison = undefined;
        view.message(undefined);
        write();
      }
    },
  );
  store.watch(
    ({ choices }) => choices.compare.candidate,
    () => write(),
  );
  let wasRunning: string | undefined;
  store.watch(
    ({ state }) => JSON.stringify([state?.comparison.running, state?.comparison.problem]),
    (_, { state }) => {
      const now = state?.comparison.running ?? undefined;
      running.show(now);
      if (now !== undefined && wasRunning !== now.id) begun();
      if (now === undefined && wasRunning !== undefined) context.announcer.say('The comparison has ended.');
      wasRunning = now?.id;
      const { problem: said } = state?.comparison ?? {};
      setText(problem, said ?? '');
      show(problem, typeof said === 'string');
      write();
    },
  );

  /** Asked for from the palette, too: what was asked for comes into view. */
  function begun(): void {
    if (store.model.choices.folded.includes('compare')) store.toggleFold('compare');
    view.element.scrollIntoView({ block: 'nearest' });
  }
  return view.element;
}

/** The model's own attention by the same measures, in a sentence. */
function ownText({ tokens, layers, heads, loss, keys, memory, seconds }: ComparisonSummary): string {
  const known = typeof loss === 'number' ? `loss ${nats(loss)} nats a token, ` : '';
  return `The model’s own attention: ${known}${count(keys)} keys a query, ${describeBytes(memory)} of memory, ${duration(seconds)}. ${plural(tokens, 'token')}, ${layers} layers of ${heads} heads.`;
}
