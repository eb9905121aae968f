/** The panel: puts the views on the page and keeps them told. */

import './panel.css';
import type { PanelState } from '../src/protocol/panel';
import { sentence } from '../src/protocol/problem';
import { Announcer } from './announce';
import { Context } from './context';
import { h } from './dom';
import { keepFolds } from './folding';
import { connect } from './host';
import { readChoices, Store, textsOf } from './state';
import { Texts } from './texts';
import { Theme } from './theme';
import { Tip } from './tip';
import { registerControls } from './ui';
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

  accept = state => {
    try {
      store.update({ state });
    } catch (error) {
      store.update({ failure: sentence(error) });
    }
  };
  // Registered before the views, so that none reads texts of an inspection that is gone.
  store.watch(
    ({ state }) => textsOf(state),
    scope => texts.enter(scope),
  );
  store.watch(model => model.choices, save);

  app.replaceChildren(
    h(
      'main',
      { class: 'panel' },
      createHeader(context),
      createOverview(context),
      createRow(context),
      createRibbon(context),
      createMap(context),
      createSegments(context),
      createMemory(context),
      createHurts(context),
      h('div', { class: 'aside' }, createHeads(context), createDilution(context)),
    ),
    tip.element,
    announcer.element,
  );
  keepFolds(store, app);
  host.state().then(accept, (error: unknown) => store.update({ failure: sentence(error) }));
  window.addEventListener('blur', () => tip.hide());
}

const app = document.getElementById('app');
if (app === null) throw new Error('The page has no element with the id "app".');
start(app);
