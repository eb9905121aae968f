/** A structure as a tree of lines: label, mass, and Enter to go there. */

import type { Structure } from '../../src/protocol/inspection';
import type { Context } from '../context';
import { h, setAttribute } from '../dom';
import { count, plural, share } from '../format';

/** Children of one node that are listed before the reader asks for more. */
const PAGE = 40;

export interface Tree {
  readonly element: HTMLElement;
  show(structure: Structure, selected: Selected): void;
}

interface Selected {
  readonly token: number | undefined;
  readonly head: number | undefined;
}

interface Line {
  readonly element: HTMLElement;
  readonly act: () => void;
  readonly parent: Line | undefined;
  readonly open: ((on: boolean) => void) | undefined;
}

function size(ranges: Int32Array): number {
  let tokens = 0;
  for (let at = 0; at + 1 < ranges.length; at += 2) tokens += ranges[at + 1]! - ranges[at]!;
  return tokens;
}

function holds(ranges: Int32Array, token: number): boolean {
  for (let at = 0; at + 1 < ranges.length; at += 2) {
    if (token >= ranges[at]! && token < ranges[at + 1]!) return true;
  }
  return false;
}

export function createTree(context: Context): Tree {
  const list = h('div', { role: 'tree', 'aria-label': 'Segments' });
  const caption = h(
    'div',
    { class: 'node caption', 'aria-hidden': 'true' },
    h('span'),
    h('span'),
    h('span', { class: 'number' }, 'tokens'),
    h('span', { class: 'number' }, 'mass'),
  );
  const element = h('div', { class: 'tree', hidden: true }, caption, list);
  let structure: Structure = { title: '', nodes: [], total: 0 };
  let token: number | undefined;
  let head: number | undefined;
  let children = new Map<number, number[]>();
  let lines: Line[] = [];
  /** Nodes that the reader opened or closed, by label path: places in the list shift between rows. */
  const opened = new Map<string, boolean>();
  const pages = new Map<string, number>();

  const path = (node: number): string => {
    const parts: string[] = [];
    for (let at = node; at >= 0; at = structure.nodes[at]?.parent ?? -1)
      parts.push(structure.nodes[at]?.label ?? '');
    return parts.join('\u0000');
  };

  /** Whether the node is of another head than the selected one, whose row says little of it. */
  function isOthers(node: number): boolean {
    const [, of] = /^head (\d+)/.exec(structure.nodes[node]?.label ?? '') ?? [];
    return of !== undefined && Number(of) !== head;
  }

  function isOpen(node: number): boolean {
    const chosen = opened.get(path(node));
    if (chosen !== undefined) return chosen;
    return !isOthers(node) && token !== undefined && holds(structure.nodes[node]!.ranges, token);
  }

  function addLine(
    content: HTMLElement,
    level: number,
    parent: Line | undefined,
    parts: Omit<Line, 'element' | 'parent'>,
  ): Line {
    setAttribute(content, 'role', 'treeitem');
    setAttribute(content, 'aria-level', level);
    setAttribute(content, 'tabindex', lines.length === 0 ? 0 : -1);
    content.style.paddingInlineStart = `${4 + (level - 1) * 14}px`;
    content.addEventListener('click', parts.act);
    const line = { element: content, parent, ...parts };
    lines.push(line);
    list.append(content);
    return line;
  }

  function addChildren(of: number, level: number, parent: Line | undefined): void {
    const all = children.get(of) ?? [];
    const key = of < 0 ? '' : path(of);
    const limit = pages.get(key) ?? PAGE;
    // Heaviest first where the row's mass is known, the selected head before the others; else in document order.
    const mass = (node: number): number => structure.nodes[node]?.mass ?? Number.NaN;
    const weighed = all.some(node => Number.isFinite(mass(node)));
    const order = weighed
      ? all.toSorted((a, b) => Number(isOthers(a)) - Number(isOthers(b)) || (mass(b) || 0) - (mass(a) || 0))
      : all;
    for (const node of order.slice(0, limit)) addNode(node, level, parent);
    if (order.length <= limit) return;
    const text = `${plural(order.length - limit, 'more node')}…`;
    addLine(h('div', { class: 'more' }, text), level, parent, {
      act: () => {
        pages.set(key, limit + PAGE * 5);
        build();
      },
      open: undefined,
    });
  }

  function addNode(node: number, level: number, parent: Line | undefined): void {
    const { label, kind, ranges, mass } = structure.nodes[node]!;
    const inner = (children.get(node)?.length ?? 0) > 0;
    const open = inner && isOpen(node);
    const here = token !== undefined && holds(ranges, token);
    const known = Number.isFinite(mass);
    const bar = h('div', { class: 'meter' });
    bar.style.transform = `scaleX(${known ? Math.min(1, Math.abs(mass)) : 0})`;
    const name = h('span', { class: 'label' }, label);
    const content = h(
      'div',
      {
        class: here ? 'node here' : 'node',
        title: `${kind} of ${plural(size(ranges), 'token')}, from token ${count(ranges[0] ?? 0)}${here ? '; holds the selected token' : ''}. Enter shows it in the editor.`,
      },
      bar,
      h('span', { class: 'twist', 'aria-hidden': 'true' }, inner ? (open ? '▾' : '▸') : ''),
      name,
      h(
        'span',
        { class: 'muted number' },
        count(size(ranges)),
        h('span', { class: 'unseen' }, known ? ' tokens, mass ' : ' tokens'),
      ),
      h('span', { class: 'number' }, known ? share(mass) : ''),
      here && h('span', { class: 'unseen' }, ', holds the selected token'),
    );
    if (inner) setAttribute(content, 'aria-expanded', String(open));
    const toggle = inner
      ? (on: boolean): void => {
          opened.set(path(node), on);
          build();
        }
      : undefined;
    const line = addLine(content, level, parent, {
      act: () => {
        const first = ranges[0];
        if (first !== undefined) context.reveal(first);
      },
      open: toggle,
    });
    content.querySelector('.twist')?.addEventListener('click', event => {
      event.stopPropagation();
      toggle?.(!open);
    });
    if (open) addChildren(node, level + 1, line);
  }

  function build(): void {
    const focused = lines.findIndex(line => line.element === document.activeElement);
    const scroll = element.scrollTop;
    lines = [];
    list.replaceChildren();
    addChildren(-1, 1, undefined);
    element.scrollTop = scroll;
    if (focused >= 0) focus(focused);
  }

  function focus(at: number): void {
    const line = lines[Math.max(0, Math.min(lines.length - 1, at))];
    if (line === undefined) return;
    for (const other of lines) setAttribute(other.element, 'tabindex', other === line ? 0 : -1);
    line.element.focus();
  }

  list.addEventListener('keydown', event => {
    const at = lines.findIndex(line => line.element === document.activeElement);
    const line = lines[at];
    if (line === undefined) return;
    const expanded = line.element.getAttribute('aria-expanded');
    if (event.key === 'ArrowDown') focus(at + 1);
    else if (event.key === 'ArrowUp') focus(at - 1);
    else if (event.key === 'Home') focus(0);
    else if (event.key === 'End') focus(lines.length - 1);
    else if (event.key === 'ArrowRight' && expanded === 'false') line.open?.(true);
    else if (event.key === 'ArrowRight' && expanded === 'true') focus(at + 1);
    else if (event.key === 'ArrowLeft' && expanded === 'true') line.open?.(false);
    else if (event.key === 'ArrowLeft' && line.parent !== undefined) focus(lines.indexOf(line.parent));
    else if (event.key === 'Enter' || event.key === ' ') line.act();
    else return;
    event.preventDefault();
  });

  return {
    element,
    show: (next, selected) => {
      structure = next;
      ({ token, head } = selected);
      children = new Map();
      next.nodes.forEach((node, index) => {
        const parent = node.parent < 0 ? -1 : node.parent;
        const list = children.get(parent);
        if (list === undefined) children.set(parent, [index]);
        else list.push(index);
      });
      build();
    },
  };
}
