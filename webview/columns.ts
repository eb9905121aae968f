/** The order of the views for keyboards and screen readers: that of the eye, in one column and in two. */

/** Where panel.css sets the views in two columns, in pixels. */
const WIDE = 820;

/**
 * In one column `aside` comes last; in two it stands below `first`, and is reached before the other column.
 *
 * @param app holds the views and has their width
 */
export function keepReadingOrder(app: HTMLElement, first: HTMLElement, aside: HTMLElement): void {
  const views = aside.parentElement;
  if (views === null) throw new Error('The views are not on the page.');
  new ResizeObserver(() => {
    const isWide = app.clientWidth >= WIDE;
    if (isWide === (first.nextElementSibling === aside)) return;
    const { activeElement } = document;
    if (isWide) first.after(aside);
    else views.append(aside);
    // An element that moves loses the focus.
    if (activeElement instanceof HTMLElement && aside.contains(activeElement))
      activeElement.focus({ preventScroll: true });
  }).observe(app);
}
