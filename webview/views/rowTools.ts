/** The buttons of the selected token: step, pin, reveal, zoom. */

import type { Row } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h } from '../dom';
import { type Exported, exportMenu } from '../exports/menu';
import { icon } from '../icons';
import { tableToggle } from '../section';
import { iconButton, press } from '../ui';
import { stepToken, zoomButtons, zoomToToken } from '../zoom';

interface Shown {
  readonly row: () => Row | undefined;
  readonly exported: () => Exported | undefined;
}

export function rowTools(context: Context, { row, exported }: Shown): readonly HTMLElement[] {
  const { store } = context;
  const withRow = (act: (row: Row) => void) => () => {
    const shown = row();
    if (shown !== undefined) act(shown);
  };
  const pin = iconButton({
    icon: icon('pin'),
    label: 'Pin token',
    help: '',
    pressed: false,
    act: () => context.select({ pinned: store.selection?.pinned !== true }),
  });
  store.watch(
    ({ state }) => state?.selection.pinned === true,
    pinned => {
      press(pin, pinned);
      pin.title = pinned
        ? 'Pinned: press to follow the cursor again'
        : 'Pin this token: keep it here while the cursor moves on';
    },
  );
  const gap = (): HTMLElement => h('span', { class: 'gap' });
  return [
    iconButton({
      icon: icon('previous'),
      label: 'Previous token',
      help: 'Previous token (Left arrow in the drawing)',
      act: () => stepToken(context, -1),
    }),
    iconButton({
      icon: icon('next'),
      label: 'Next token',
      help: 'Next token (Right arrow in the drawing)',
      act: () => stepToken(context, 1),
    }),
    pin,
    iconButton({
      icon: icon('reveal'),
      label: 'Show the token in the editor',
      help: 'Show the token in the editor',
      act: withRow(({ token }) => context.reveal(token)),
    }),
    gap(),
    iconButton({
      icon: icon('focus'),
      label: 'Zoom to the token and its span',
      help: 'Zoom to the token and its span',
      act: withRow(({ token, span }) => zoomToToken(store, token, span)),
    }),
    ...zoomButtons(store),
    gap(),
    exportMenu(context, 'the row', exported),
    tableToggle(store, 'row', 'the mass by distance'),
  ];
}
