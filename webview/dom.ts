/** Builds DOM without HTML strings. */

export type Child = Node | string | undefined | false;

/** Attribute values; `true` writes an empty attribute, `false` and undefined write none. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>> & {
  /** The page's policy refuses style attributes: set `element.style` properties instead. */
  readonly style?: never;
};

export function setAttribute(
  element: Element,
  name: string,
  value: string | number | boolean | undefined,
): void {
  if (value === undefined || value === false) {
    element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  for (const child of children) if (child !== undefined && child !== false) element.append(child);
  return element;
}

/** Writes text only when it differs, so that selections and live regions are not disturbed. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Replaces all children; a focus inside goes to what stands in its place among the new ones. */
export function refill(parent: HTMLElement, ...children: readonly Node[]): void {
  const focusable = (): readonly HTMLElement[] => [...parent.querySelectorAll<HTMLElement>('button')];
  const place = focusable().findIndex(element => element === document.activeElement);
  parent.replaceChildren(...children);
  if (place >= 0)
    focusable()
      .at(Math.min(place, focusable().length - 1))
      ?.focus({ preventScroll: true });
}

let last = 0;

/** An id that no other element of this page has. */
export function freshId(prefix: string): string {
  last += 1;
  return `${prefix}-${last}`;
}
