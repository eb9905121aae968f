/** What wheel, drag, keys and buttons do to the part of the attention map in view. */

import type { Axis } from './draw/axis';
import { mapAround, type MapPoint, pannedMap, zoomedMap } from './draw/mapView';
import { icon } from './icons';
import type { Store } from './state';
import { iconButton } from './ui';

const STEP = 1.6;
/** Part of the view that an arrow key moves. */
const PAN = 0.2;
const PAGE = 0.9;

/** The selected token on the diagonal where that is in view, or the middle. */
function anchor(store: Store): MapPoint {
  const { view } = store.map;
  const token = store.selection?.token;
  const within = ({ start, end }: { readonly start: number; readonly end: number }): number =>
    typeof token === 'number' && token >= start && token < end ? token + 0.5 : (start + end) / 2;
  return { query: within(view.queries), key: within(view.keys) };
}

export function zoomMap(store: Store, factor: number, at: MapPoint = anchor(store)): void {
  const { view, total } = store.map;
  if (total > 0) store.mapTo(zoomedMap(view, total, factor, at));
}

/** Moves the view by parts of its own height and width. */
function panMap(store: Store, down: number, across: number): void {
  const { view, total } = store.map;
  const height = view.queries.end - view.queries.start;
  const width = view.keys.end - view.keys.start;
  store.mapTo(pannedMap(view, total, down * height, across * width));
}

export function isWhole(store: Store): boolean {
  const { view, total } = store.map;
  return view.queries.end - view.queries.start >= total && view.keys.end - view.keys.start >= total;
}

/** Zooms to the line of the selected token. */
export function zoomToQuery(store: Store): void {
  const { view, total } = store.map;
  const token = store.selection?.token;
  if (typeof token !== 'number' || total === 0) return;
  const width = Math.min(64, (view.queries.end - view.queries.start) / 2);
  store.mapTo(mapAround(token, Math.max(16, width), total));
}

/** Keys of the focused map; says whether it knew the key. */
export function mapKey(store: Store, { key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey || altKey) return false;
  const moves: Readonly<Record<string, readonly [number, number]>> = {
    ArrowUp: [-PAN, 0],
    ArrowDown: [PAN, 0],
    ArrowLeft: [0, -PAN],
    ArrowRight: [0, PAN],
    PageUp: [-PAGE, 0],
    PageDown: [PAGE, 0],
  };
  const move = moves[key];
  if (key === '+' || key === '=') zoomMap(store, 1 / STEP);
  else if (key === '-' || key === '_') zoomMap(store, STEP);
  else if (key === 'Enter') zoomToQuery(store);
  else if (isWhole(store)) return false;
  else if (key === '0' || key === 'Escape') store.mapTo(undefined);
  else if (move !== undefined) panMap(store, move[0], move[1]);
  else return false;
  return true;
}

export interface MapAxes {
  readonly keys: Axis;
  readonly queries: Axis;
}

/** Dragging moves a zoomed map; a click that did not move is given to `click`. */
export function dragMap(
  store: Store,
  element: HTMLElement,
  axes: () => MapAxes,
  click: (x: number, y: number) => void,
): void {
  let from: { readonly x: number; readonly y: number; readonly view: typeof store.map.view } | undefined;
  let moved = false;
  element.addEventListener('pointerdown', event => {
    if (event.button !== 0) return;
    from = { x: event.offsetX, y: event.offsetY, view: store.map.view };
    moved = false;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener('pointermove', event => {
    if (from === undefined) return;
    const [across, down] = [from.x - event.offsetX, from.y - event.offsetY];
    if (Math.hypot(across, down) > 3) moved = true;
    if (!moved || isWhole(store)) return;
    const { keys, queries } = axes();
    store.mapTo(pannedMap(from.view, store.map.total, down / queries.step, across / keys.step));
  });
  element.addEventListener('pointerup', event => {
    if (from !== undefined && !moved) click(event.offsetX, event.offsetY);
    from = undefined;
  });
  element.addEventListener('pointercancel', () => {
    from = undefined;
  });
}

export function mapButtons(store: Store): readonly HTMLElement[] {
  return [
    iconButton({
      icon: icon('focus'),
      label: 'Zoom the map to the selected token',
      help: 'Zoom to the line of the selected token (Enter in the map)',
      act: () => zoomToQuery(store),
    }),
    iconButton({
      icon: icon('zoomOut'),
      label: 'Zoom the map out',
      help: 'Zoom out: show more of the map (-)',
      act: () => zoomMap(store, STEP),
    }),
    iconButton({
      icon: icon('zoomIn'),
      label: 'Zoom the map in',
      help: 'Zoom in (+), down to single tokens. A double click zooms in too, as does the wheel with Ctrl.',
      act: () => zoomMap(store, 1 / STEP),
    }),
    iconButton({
      icon: icon('whole'),
      label: 'Show the whole map',
      help: 'Show the whole map (Escape)',
      act: () => store.mapTo(undefined),
    }),
  ];
}
