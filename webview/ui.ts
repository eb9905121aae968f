/** The controls: the only importer of the toolkit. */

import type { Button, Checkbox, Dropdown, TextField } from '@vscode/webview-ui-toolkit';
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';

/** Defines the custom elements; call once before the first control is made. */
export function registerControls(): void {
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodeCheckbox(),
    vsCodeDropdown(),
    vsCodeOption(),
    vsCodeTextField(),
  );
}

export interface ButtonOptions {
  readonly text: string;
  /** What it does, in a sentence. */
  readonly help: string;
  readonly kind?: 'primary' | 'secondary';
  readonly act: () => void;
}

export function button({ text, help, kind = 'secondary', act }: ButtonOptions): Button {
  const element = document.createElement('vscode-button') as Button;
  element.appearance = kind;
  element.textContent = text;
  element.title = help;
  element.addEventListener('click', act);
  return element;
}

export interface IconButtonOptions {
  readonly icon: Element;
  readonly label: string;
  readonly help: string;
  readonly act: () => void;
  /** Given for a button that stays pressed. */
  readonly pressed?: boolean;
}

export function iconButton({ icon, label, help, act, pressed }: IconButtonOptions): Button {
  const element = document.createElement('vscode-button') as Button;
  element.appearance = 'icon';
  element.append(icon);
  element.title = help;
  element.setAttribute('aria-label', label);
  if (pressed !== undefined) press(element, pressed);
  element.addEventListener('click', act);
  return element;
}

export function press(element: HTMLElement, pressed: boolean): void {
  element.setAttribute('aria-pressed', String(pressed));
}

export function disable(element: Button | Dropdown, disabled: boolean): void {
  if (element.disabled !== disabled) element.disabled = disabled;
}

export interface Choice {
  readonly value: string;
  readonly text: string;
  readonly help?: string;
}

export interface DropdownControl {
  readonly element: Dropdown;
  /** Replaces the choices when they differ and shows the one of that value. */
  show(choices: readonly Choice[], value: string): void;
}

export function dropdown(label: string, help: string, pick: (value: string) => void): DropdownControl {
  const element = document.createElement('vscode-dropdown') as Dropdown;
  element.setAttribute('aria-label', label);
  element.title = help;
  let shown = '';
  let current = '';
  element.addEventListener('change', () => {
    if (element.value === current) return;
    current = element.value;
    pick(current);
  });
  return {
    element,
    show: (choices, value) => {
      const next = JSON.stringify(choices);
      if (next !== shown) {
        shown = next;
        element.replaceChildren(
          ...choices.map(choice => {
            const option = document.createElement('vscode-option');
            option.setAttribute('value', choice.value);
            option.textContent = choice.text;
            if (choice.help !== undefined) option.setAttribute('title', choice.help);
            if (choice.value === value) option.setAttribute('selected', '');
            return option;
          }),
        );
      }
      current = value;
      // The element reads its options after they are slotted.
      queueMicrotask(() => {
        if (element.value !== value) element.value = value;
      });
    },
  };
}

export interface FieldOptions {
  readonly label: string;
  readonly help: string;
  readonly value: string;
  readonly change: () => void;
}

export interface Field<E extends HTMLElement> {
  readonly element: E;
  /** Shows a sentence about a wrong value; undefined when it is right. */
  complain(problem: string | undefined): void;
}

export function textField({ label, help, value, change }: FieldOptions): Field<TextField> {
  const element = document.createElement('vscode-text-field') as TextField;
  element.value = value;
  element.title = help;
  element.textContent = label;
  element.addEventListener('input', change);
  return {
    element,
    complain: problem => {
      if (problem === undefined) element.removeAttribute('aria-invalid');
      else element.setAttribute('aria-invalid', 'true');
      element.classList.toggle('wrong', problem !== undefined);
    },
  };
}

export function checkbox(label: string, help: string, checked: boolean, change: () => void): Checkbox {
  const element = document.createElement('vscode-checkbox') as Checkbox;
  element.checked = checked;
  element.title = help;
  element.textContent = label;
  element.addEventListener('change', change);
  return element;
}

export type { Button, Checkbox, Dropdown, TextField } from '@vscode/webview-ui-toolkit';
