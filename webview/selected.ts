/** Fetches what belongs to the selected token, and keeps it while nothing newer has come. */

import type { Row, RowRef, TokenDetail } from '../src/protocol/inspection';
import type { Context } from './context';
import type { Answer } from './latest';
import { Latest } from './latest';
import type { Model } from './state';
import { dataOf } from './state';
import type { WhenSeen } from './whenSeen';

/** Cells of the selected token's profile: enough to stay sharp while zooming in. */
const FINE = 2048;

/** Cells of the profiles that stand side by side. */
const COARSE = 256;

/** The selected row; undefined when no token is selected. */
export function rowRef({ state }: Model): RowRef | undefined {
  if (state?.inspection === undefined) return undefined;
  const { layer, head, token } = state.selection;
  // Messages write a missing token as null.
  return typeof token === 'number' ? { layer, head, token } : undefined;
}

/** Names a row of the data held now, so that watchers act only when it is another one. */
export function rowKey(model: Model): string | undefined {
  const ref = rowRef(model);
  return ref === undefined ? undefined : `${dataOf(model.state)} ${ref.layer}/${ref.head}/${ref.token}`;
}

function cells(model: Model, most: number): number {
  return Math.max(1, Math.min(most, model.state?.inspection?.tokens ?? 1));
}

/** Whether the page still shows that layer and, where one is given, that head of it. */
export function isShown(
  context: Context,
  { layer, head }: { readonly layer: number; readonly head?: number },
): () => boolean {
  return () => {
    const { selection } = context.store;
    return selection?.layer === layer && (head === undefined || selection.head === head);
  };
}

function scopeOf(model: Model): string {
  return model.state?.inspection?.id ?? '';
}

export function watchRow(context: Context, act: (answer: Answer<Row> | undefined) => void): void {
  const latest = new Latest<readonly Row[]>(answer => {
    if (answer.kind === 'problem') act(answer);
    else {
      const row = answer.value[0];
      act(
        row === undefined
          ? { kind: 'problem', problem: 'The engine answered with no row; inspect the document again.' }
          : { kind: 'value', value: row },
      );
    }
  });
  context.store.watch(rowKey, (_, model) => {
    const ref = rowRef(model);
    if (ref === undefined) {
      latest.forget();
      act(undefined);
    } else
      latest.ask(scopeOf(model), () => context.host.rows([ref], cells(model, FINE)), isShown(context, ref));
  });
}

/**
 * Rows of all heads of the selected layer for the selected token, while `seen` is in view. Tells undefined
 * when no token is selected.
 */
export function watchLayerRows(
  context: Context,
  seen: WhenSeen,
  act: (answer: Answer<readonly Row[]> | undefined) => void,
): void {
  const latest = new Latest<readonly Row[]>(act);
  context.store.watch(
    model => {
      const ref = rowRef(model);
      return ref === undefined ? undefined : `${dataOf(model.state)} ${ref.layer}/${ref.token}`;
    },
    (_, model) => {
      const ref = rowRef(model);
      const heads = model.state?.inspection?.heads ?? 0;
      if (ref === undefined) {
        seen.forget();
        latest.forget();
        act(undefined);
        return;
      }
      const refs = Array.from({ length: heads }, (_unused, head) => ({ ...ref, head }));
      const ask = (): Promise<readonly Row[]> => context.host.rows(refs, cells(model, COARSE));
      seen.ask(() => latest.ask(scopeOf(model), ask, isShown(context, { layer: ref.layer })));
    },
  );
}

export function watchDetail(context: Context, act: (detail: TokenDetail | undefined) => void): void {
  const latest = new Latest<TokenDetail>(answer => {
    act(answer.kind === 'value' ? answer.value : undefined);
  });
  context.store.watch(
    model => {
      const ref = rowRef(model);
      return ref === undefined ? undefined : `${dataOf(model.state)} ${ref.token}`;
    },
    (_, model) => {
      const ref = rowRef(model);
      if (ref === undefined) {
        latest.forget();
        act(undefined);
      } else latest.ask(scopeOf(model), () => context.host.tokenDetail(ref.token));
    },
  );
}
