/** Zooming and panning of the document axis that row, ribbon and segments share. */

import type { Context } from './context';
import type { Axis } from './draw/axis';
import { axisOf, clamp, panned, showing, zoomed } from './draw/axis';
import { icon } from './icons';
import type { Store } from './state';
import { iconButton } from './ui';

const STEP = 1.6;

export function currentAxis(store: Store, element: HTMLElement): Axis {
  const { range, total } = store.range;
  return axisOf(range, total, element.clientWidth);
}

/** Zooms around a position, or around the selected token where it is in view. */
export function zoomBy(store: Store, factor: number, anchor?: number): void {
  const { range, total } = store.range;
  if (total === 0) return;
  const token = store.selection?.token;
  const inView = token !== undefined && token >= range.start && token < range.end;
  const at = anchor ?? (inView ? token + 0.5 : (range.start + range.end) / 2);
  store.zoomTo(zoomed(range, total, factor, at));
}

export function panBy(store: Store, part: number): void {
  const { range, total } = store.range;
  store.zoomTo(panned(range, total, (range.end - range.start) * part));
}

/** Brings a token into view without changing the zoom. */
export function follow(store: Store, token: number): void {
  const { range, total } = store.range;
  const next = showing(range, total, token);
  if (next !== undefined && (next.start !== range.start || next.end !== range.end)) store.zoomTo(next);
}

/** Selects the token so many places on, and keeps it in view. */
export function stepToken(context: Context, by: number): void {
  const { store } = context;
  const { token } = store.selection ?? {};
  const { total } = store.range;
  if (token === undefined || total === 0) return;
  const next = clamp(token + by, 0, total - 1);
  follow(store, next);
  context.select({ token: next });
}

/** Zooms to the selected token and its span, or close to it. */
export function zoomToToken(store: Store, token: number, span: number): void {
  const { total } = store.range;
  const width = Math.min(total, Math.max(24, Math.ceil(span * 1.2)));
  const start = Math.max(0, Math.min(total - width, token + 1 + width * 0.08 - width));
  store.zoomTo(width >= total ? undefined : { start, end: start + width });
}

/** The wheel zooms with Ctrl, or when the drawing has the focus; sideways it pans. */
export function wheelZoom(store: Store, element: HTMLElement): void {
  element.addEventListener(
    'wheel',
    event => {
      const focused = document.activeElement === element || element.contains(document.activeElement);
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      const { range, total } = store.range;
      if (total === 0) return;
      if (sideways) {
        if (range.end - range.start >= total) return;
        const pixels = event.deltaX === 0 ? event.deltaY : event.deltaX;
        store.zoomTo(panned(range, total, pixels / currentAxis(store, element).step));
      } else if (event.ctrlKey || event.metaKey || focused) {
        const axis = currentAxis(store, element);
        const across = (event.offsetX - axis.left) / (axis.right - axis.left);
        const anchor = range.start + across * (range.end - range.start);
        zoomBy(store, Math.exp(event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), anchor);
      } else return;
      event.preventDefault();
    },
    { passive: false },
  );
}

/** Keys of a focused drawing: + and - zoom, 0 shows all, Shift with an arrow pans. */
export function zoomKey(store: Store, event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  switch (event.key) {
    case '+':
    case '=':
      zoomBy(store, 1 / STEP);
      return true;
    case '-':
    case '_':
      zoomBy(store, STEP);
      return true;
    case '0':
      store.zoomTo(undefined);
      return true;
    case 'ArrowLeft':
    case 'ArrowRight':
      if (!event.shiftKey) return false;
      panBy(store, event.key === 'ArrowLeft' ? -0.2 : 0.2);
      return true;
    default:
      return false;
  }
}

/** Dragging moves a zoomed view; a click that did not move is given to `click`. */
export function dragPan(store: Store, element: HTMLElement, click: (x: number, y: number) => void): void {
  let from: { readonly x: number; readonly start: number } | undefined;
  let moved = false;
  element.addEventListener('pointerdown', event => {
    if (event.button !== 0) return;
    from = { x: event.offsetX, start: store.range.range.start };
    moved = false;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener('pointermove', event => {
    if (from === undefined) return;
    if (Math.abs(event.offsetX - from.x) > 3) moved = true;
    const { range, total } = store.range;
    if (!moved || range.end - range.start >= total) return;
    const tokens = (from.x - event.offsetX) / currentAxis(store, element).step;
    store.zoomTo(panned({ start: from.start, end: from.start + range.end - range.start }, total, tokens));
  });
  element.addEventListener('pointerup', event => {
    if (from !== undefined && !moved) click(event.offsetX, event.offsetY);
    from = undefined;
  });
  element.addEventListener('pointercancel', () => {
    from = undefined;
  });
}

export function zoomButtons(store: Store): readonly HTMLElement[] {
  return [
    iconButton({
      icon: icon('zoomOut'),
      label: 'Zoom out',
      help: 'Zoom out: show more of the document (-)',
      act: () => zoomBy(store, STEP),
    }),
    iconButton({
      icon: icon('zoomIn'),
      label: 'Zoom in',
      help: 'Zoom in around the token (+). The wheel zooms too, with Ctrl or after a click into the drawing.',
      act: () => zoomBy(store, 1 / STEP),
    }),
    iconButton({
      icon: icon('whole'),
      label: 'Show the whole document',
      help: 'Show the whole document (0)',
      act: () => store.zoomTo(undefined),
    }),
  ];
}
