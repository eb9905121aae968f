/** The button that saves what a view shows: its drawing as a picture, its numbers as tables. */

import type { SavedFile } from '../../src/protocol/panel';
import type { Context } from '../context';
import { icon } from '../icons';
import { type MenuItem, menuButton } from '../menu';
import type { Drawing } from '../surface';
import { pngOf, svgOf } from './picture';
import { type About, csvOf, jsonOf, loaded, type Table, type TableToCome } from './table';

export interface Exported {
  /** What the files show, such as `Span of every token, layer 2 head 3`. */
  readonly title: string;
  /** Undefined for a view that has none, or does not show it now. */
  readonly drawing: Drawing | undefined;
  readonly tables: readonly (Table | TableToCome)[];
  /** Files of other kinds. */
  readonly more?: readonly MenuItem[];
}

/**
 * @param what is exported, as it completes "Save …", such as `the heads`.
 * @param exported undefined while there is nothing to save.
 */
export function exportMenu(
  context: Context,
  what: string,
  exported: () => Exported | undefined,
): HTMLElement {
  const { store, theme } = context;

  function save(kind: SavedFile['kind'], part: string, content: () => string | Promise<string>): void {
    const { documentName } = store.model.state ?? {};
    const stem = (documentName ?? 'document').replace(/\.[^.]*$/, '');
    context.attempt(async () => {
      const saved = await context.host.save({
        name: `${stem} ${part}`.slice(0, 200),
        kind,
        content: await content(),
      });
      if (saved) context.announcer.say(`Saved ${part} as ${kind.toUpperCase()}.`);
    });
  }

  function about(title: string): About {
    const { inspection, documentName, selection } = store.model.state ?? {};
    return {
      title,
      document: documentName,
      model: inspection?.model.name,
      variant: inspection?.variant,
      schedule: inspection?.schedule,
      selection,
      notes: inspection?.notes,
    };
  }

  function itemsOf(of: Exported): readonly MenuItem[] {
    const { title, drawing, tables, more = [] } = of;
    const { documentName, inspection } = store.model.state ?? {};
    const caption = [title, documentName, inspection?.model.name, inspection?.variant.id]
      .filter(part => part !== undefined)
      .join(' · ');
    const pictures: readonly MenuItem[] =
      drawing === undefined || drawing.size.height === 0
        ? []
        : [
            {
              text: 'Drawing as PNG…',
              help: 'Save the drawing as a picture, at twice its size here',
              act: () => save('png', title, () => pngOf(drawing, caption, theme.palette)),
            },
            {
              text: 'Drawing as SVG…',
              help: 'Save the drawing as one that stays sharp at any size',
              act: () => save('svg', title, () => svgOf(drawing, caption, theme.palette)),
            },
          ];
    const sheets = tables.map(table => ({
      text: tables.length === 1 ? 'Numbers as CSV…' : `${capital(table.name)} as CSV…`,
      help: `Save ${table.name} as a table for spreadsheets, with all digits`,
      act: () =>
        save('csv', tables.length === 1 ? title : `${title}, ${table.name}`, async () =>
          csvOf(await loaded(table)),
        ),
    }));
    return [
      ...pictures,
      ...sheets,
      {
        text: 'Numbers as JSON…',
        help: 'Save all numbers of this view as JSON, with all digits',
        act: () =>
          save('json', title, async () => jsonOf(about(title), await Promise.all(tables.map(loaded)))),
      },
      ...more,
    ];
  }

  const nothing: MenuItem = {
    text: 'Nothing to save yet',
    help: 'This view shows nothing at the moment',
    act: () => undefined,
  };
  return menuButton({
    icon: icon('save'),
    label: `Export ${what}`,
    help: `Save ${what} as a picture or as numbers`,
    items: () => {
      const of = exported();
      return of === undefined ? [nothing] : itemsOf(of);
    },
  });
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
