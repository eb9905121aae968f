/** What is inspected and how: document, model, variant, device, progress, and what went wrong. */

import type { InspectionSummary } from '../../src/protocol/inspection';
import type { PanelCommand, PanelState } from '../../src/protocol/panel';
import type { Context } from '../context';
import { h, setText, show } from '../dom';
import { count, duration, nats } from '../format';
import { icon } from '../icons';
import { menuButton } from '../menu';
import { button, iconButton } from '../ui';
import { createFacts, type Fact } from './facts';
import { createNotes } from './notes';
import { createRunBar } from './runBar';
import { createVariant } from './variant';

function facts(inspection: InspectionSummary, running: boolean): readonly Fact[] {
  const { model, device, tokens, loss, seconds } = inspection;
  return [
    {
      label: 'Model',
      value: model.name,
      help: `${model.architecture}, ${count(model.parameters)} parameters, ${model.layers} layers of ${model.heads} heads, in ${model.directory}`,
    },
    {
      label: 'Device',
      value: device.name,
      help: device.fallback ?? 'The execution provider of ONNX Runtime that the model runs on',
    },
    { label: 'Tokens', value: count(tokens), help: `${count(tokens)} tokens in the inspected text` },
    {
      label: 'Mean loss',
      value: loss === undefined ? '–' : nats(loss),
      detail: 'nats',
      help: 'Mean next-token loss over the document in nats: how well the model predicts this text',
    },
    {
      label: 'Time',
      value: duration(seconds),
      help: running ? 'Wall time of the run so far' : 'Wall time of the inspection',
    },
  ];
}

export function createHeader(context: Context): HTMLElement {
  const { store } = context;
  const run = (command: PanelCommand) => () => context.attempt(() => context.host.run(command));

  const name = h('h1');
  const figures = createFacts();
  const about = h(
    'div',
    { class: 'about' },
    h(
      'div',
      { class: 'name' },
      name,
      h(
        'div',
        { class: 'tools' },
        iconButton({
          icon: icon('again'),
          label: 'Inspect the document again',
          help: 'Inspect the document again, as it is now',
          act: run('inspectAgain'),
        }),
        iconButton({
          icon: icon('layers'),
          label: 'Compare layers',
          help: 'Compare what every layer and head does with the selected token',
          act: run('compareLayers'),
        }),
        menuButton({
          icon: icon('save'),
          label: 'Export the inspection',
          help: 'Save the inspection as a page for reading, or all its numbers',
          items: () => [
            {
              text: 'HTML report…',
              help: 'Save a page about the inspection and the selected token that opens in any browser',
              act: run('exportReport'),
            },
            {
              text: 'All numbers as JSON…',
              help: 'Save summary, tokens, losses and the statistics of every token of every head',
              act: run('exportInspection'),
            },
          ],
        }),
        iconButton({
          icon: icon('clear'),
          label: 'Clear the inspection',
          help: 'Clear the inspection and the colours in the text',
          act: run('clear'),
        }),
      ),
    ),
    figures.element,
  );

  const running = createRunBar('Inspection', run('cancel'));

  const staleText = h('p');
  const again = button({
    text: 'Inspect Again',
    help: 'Inspect the document as it is now',
    act: run('inspectAgain'),
  });
  const stale = h('div', { class: 'banner', hidden: true }, staleText, again);

  const problemText = h('p');
  const log = button({ text: 'Show Log', help: 'Open the Longsight output channel', act: run('showLog') });
  const problem = h('div', { class: 'banner problem', role: 'alert', hidden: true }, problemText, log);

  const notes = createNotes();

  const emptyText = h('p');
  const empty = h(
    'div',
    { class: 'empty', hidden: true },
    h('h1', {}, 'See what a model attends to'),
    emptyText,
    h(
      'div',
      { class: 'actions' },
      button({
        text: 'Inspect Document',
        help: 'Run the model over the document in the active editor',
        kind: 'primary',
        act: run('inspectDocument'),
      }),
      button({
        text: 'Open the Example',
        help: 'Open the bundled long document, to try this on',
        act: run('openExample'),
      }),
      button({
        text: 'Choose Model',
        help: 'Pick a Hugging Face checkpoint folder; a small trained model is bundled',
        act: run('chooseModel'),
      }),
    ),
  );

  const variant = createVariant(context);
  const element = h(
    'section',
    { 'data-view': 'header', class: 'view head', 'aria-label': 'Inspection' },
    empty,
    about,
    running.element,
    problem,
    stale,
    variant,
    notes.element,
  );

  const update = (state: PanelState | undefined, failure: string | undefined): void => {
    const inspection = state?.inspection;
    const busy = state?.running;
    show(empty, inspection === undefined && busy === undefined && state !== undefined);
    setText(
      emptyText,
      state?.documentName === undefined
        ? 'Open a text document and inspect it. For every token you will see which earlier tokens it attends to, how far back, and through which segments.'
        : `Inspect ${state.documentName}. For every token you will see which earlier tokens it attends to, how far back, and through which segments.`,
    );
    show(about, inspection !== undefined);
    if (inspection !== undefined) {
      setText(name, state?.documentName ?? 'Document');
      figures.show(facts(inspection, busy !== undefined));
    }
    running.show(busy);
    const sentence = state?.problem ?? failure;
    show(problem, sentence !== undefined);
    setText(problemText, sentence ?? '');
    const from = state?.staleFrom;
    show(stale, inspection !== undefined && busy === undefined && typeof from === 'number');
    setText(
      staleText,
      `The document has changed from token ${count(from ?? 0)} on; what is shown after it is out of date.`,
    );
    const list = [
      ...(inspection?.notes ?? []),
      ...(inspection?.device.fallback ? [inspection.device.fallback] : []),
    ];
    notes.show(list);
  };
  let before: unknown;
  store.watch(
    model => model,
    ({ state, failure }) => {
      // The selection changes far more often than anything shown here.
      const now = JSON.stringify([
        state?.inspection,
        state?.running,
        state?.problem,
        state?.staleFrom,
        state?.documentName,
        failure,
        state === undefined,
      ]);
      if (now === before) return;
      before = now;
      update(state, failure);
    },
  );
  return element;
}
