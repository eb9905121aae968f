/** A button that opens a small menu, for a mouse and for a keyboard. */

import { freshId, h, setAttribute } from './dom';
import { iconButton, type IconButtonOptions } from './ui';

export interface MenuItem {
  readonly text: string;
  /** What it does, in a sentence. */
  readonly help: string;
  readonly act: () => void;
}

export interface MenuOptions extends Omit<IconButtonOptions, 'act' | 'pressed'> {
  /** Asked each time that the menu opens. */
  readonly items: () => readonly MenuItem[];
}

const EDGE = 4;

export function menuButton({ items, ...options }: MenuOptions): HTMLElement {
  const id = freshId('menu');
  const menu = h('div', { class: 'menu', role: 'menu', id, 'aria-label': options.label, hidden: true });
  const button = iconButton({ ...options, act: () => (menu.hidden ? open() : close()) });
  const element = h('span', { class: 'menu-holder' }, button, menu);
  setAttribute(button, 'aria-haspopup', 'menu');
  setAttribute(button, 'aria-expanded', 'false');

  function open(): void {
    menu.replaceChildren(
      ...items().map(({ text, help, act }) => {
        const item = h('button', { type: 'button', role: 'menuitem', tabindex: -1, title: help }, text);
        item.addEventListener('click', () => {
          close();
          button.focus();
          act();
        });
        return item;
      }),
    );
    menu.hidden = false;
    setAttribute(button, 'aria-expanded', 'true');
    place();
    window.addEventListener('scroll', place, { passive: true });
    focus(0);
  }

  /** Below the button, or above it where there is no room, and never past the page's edge. */
  function place(): void {
    const anchor = button.getBoundingClientRect();
    const { width, height } = menu.getBoundingClientRect();
    const left = Math.min(anchor.right - width, window.innerWidth - width - EDGE);
    const below = anchor.bottom + 2;
    const fits = below + height <= window.innerHeight - EDGE;
    menu.style.left = `${Math.max(EDGE, left)}px`;
    menu.style.top = `${fits ? below : Math.max(EDGE, anchor.top - height - 2)}px`;
  }

  function close(): void {
    menu.hidden = true;
    window.removeEventListener('scroll', place);
    setAttribute(button, 'aria-expanded', 'false');
  }

  function focus(at: number): void {
    const { children } = menu;
    const item = children[(at + children.length) % children.length];
    if (item instanceof HTMLElement) item.focus({ preventScroll: true });
  }

  menu.addEventListener('keydown', event => {
    const at = Array.from(menu.children).findIndex(item => item === document.activeElement);
    if (event.key === 'ArrowDown') focus(at + 1);
    else if (event.key === 'ArrowUp') focus(at - 1);
    else if (event.key === 'Home') focus(0);
    else if (event.key === 'End') focus(-1);
    else if (event.key === 'Escape') {
      close();
      button.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  button.addEventListener('keydown', event => {
    if (event.key !== 'ArrowDown' || !menu.hidden) return;
    open();
    event.preventDefault();
  });
  element.addEventListener('focusout', event => {
    if (!(event.relatedTarget instanceof Node && element.contains(event.relatedTarget))) close();
  });
  return element;
}
