/** The panel: puts the views on the page and keeps them told. */

import './panel.css';
import type { PanelState } from '../src/protocol/panel';
import { sentence } from '../src/protocol/problem';
import { Announcer } from './announce';
import { keepReadingOrder } from './columns';
import { Context } from './context';
import { h } from './dom';
import { keepFolds } from './folding';
import { connect } from './host';
import { readChoices, Store, textsOf } from './state';
import { Texts } from './texts';
import { Theme } from './theme';
import { Tip } from './tip';
import { registerControls } from './ui';
import { createCompare } from './views/compare';
import { createDilution } from './views/dilution';
import { createHeader } from './views/header';
import { createHeads } from './views/heads';
import { createHurts } from './views/hurts';
import { createMap } from './views/map';
import { createMemory } from './views/memory';
import { createOverview } from './views/overview';
import { createRibbon } from './views/ribbon';
import { createRow } from './views/row';
import { createSegments } from './views/segments';

function start(app: HTMLElement): void {
  registerControls();
  let accept = (_state: PanelState): void => undefined;
  const { host, saved, save } = connect({ stateChanged: state => accept(state) });
  const store = new Store(readChoices(saved()));
  const texts = new Texts(host);
  const tip = new Tip();
  const announcer = new Announcer();
  const context = new Context({ host, store, texts, tip, announcer, theme: new Theme() });

  let broken = false;
  accept = state => {
    const { state: before } = store.model;
    try {
      store.update(broken ? { state, failure: undefined } : { state });
      broken = false;
    } catch (error) {
      broken = true;
      // What is no state is not kept: the views could not even show the sentence about it.
      store.update({ state: before, failure: sentence(error) });
    }
  };
  // Registered before the views, so that none reads texts of an inspection that is gone.
  store.watch(
    ({ state }) => textsOf(state),
    scope => texts.enter(scope),
  );
  store.watch(model => model.choices, save);

  const overview = createOverview(context);
  const aside = h('div', { class: 'aside' }, createHeads(context), createDilution(context));
  app.replaceChildren(
    h(
      'main',
      { class: 'panel' },
      createHeader(context),
      overview,
      createRow(context),
      createRibbon(context),
      createMap(context),
      createSegments(context),
      createMemory(context),
      createHurts(context),
      createCompare(context),
      aside,
    ),
    tip.element,
    announcer.element,
  );
  keepFolds(store, app);
  keepReadingOrder(app, overview, aside);
  host.state().then(accept, (error: unknown) => store.update({ failure: sentence(error) }));
  window.addEventListener('blur', () => tip.hide());
}

const app = document.getElementById('app');
if (app === null) throw new Error('The page has no element with the id "app".');
start(app);
