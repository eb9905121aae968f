/** What a click on the status bar offers, by what there is at the moment. */

import type { DocumentState } from './inspections';
import type { Action } from './pickers';

export function quickActions({ inspection, running }: DocumentState): readonly Action[] {
  const when = (holds: boolean, ...actions: readonly Action[]): readonly Action[] => (holds ? actions : []);
  return [
    ...when(running !== undefined, action('Cancel', 'debug-stop', 'cancel')),
    action(inspection === undefined ? 'Inspect Document' : 'Inspect Again', 'telescope', 'inspectAgain'),
    ...when(
      inspection !== undefined,
      action('Choose Layer and Head', 'layers', 'chooseLayerAndHead'),
      inspection?.selection.pinned === true
        ? action('Unpin Token', 'pinned', 'unpinToken')
        : action('Pin Token', 'pin', 'pinToken'),
      action('Compare Layers', 'table', 'compareLayers'),
      action('Compare Variants', 'graph', 'compareVariants'),
      action('Clear', 'clear-all', 'clear'),
    ),
    action('Choose Variant', 'settings', 'chooseVariant'),
    action('Choose Mode and Layers', 'versions', 'chooseSchedule'),
    action('Choose Model', 'folder-library', 'chooseModel'),
    action('Show Panel', 'layout-sidebar-right', 'showPanel'),
    action('Show Log', 'output', 'showLog'),
    action('Restart Engine', 'debug-restart', 'restartEngine'),
  ];
}

function action(label: string, icon: string, command: string): Action {
  return { label, icon, command };
}
