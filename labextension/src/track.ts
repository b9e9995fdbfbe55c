/**
 * "Track this notebook": the cell that makes every run of a notebook repeatable, one click away.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import type { ISharedNotebook } from '@jupyter/ydoc';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import {
  INotebookTracker,
  type Notebook,
  type NotebookPanel
} from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import {
  ITranslator,
  nullTranslator,
  type TranslationBundle
} from '@jupyterlab/translation';

/** The verb has the same name behind every door; commands carry the prefix `mlops:`. */
export const TRACK = 'mlops:track';

/** What a tracked notebook begins with. */
export const TRACK_SOURCE = '%load_ext mlops_nb\n%mlops track';

/** The cells that papermill fills in: what is tracked should come after them. */
const PARAMETER_TAGS = ['parameters', 'injected-parameters'];

/** `%mlops track` or `%mlops track "a name"`, but neither `track stop` nor `%%mlops track`. */
const TRACK_LINE = /^[ \t]*%mlops[ \t]+track(?![^\s])(?![ \t]+stop\b)/m;

/** What matters of a cell here. */
export interface ICellFacts {
  type: string;
  source: string;
  tags: readonly string[];
}

/** Return the index of the cell that tracks the notebook, or -1. */
export function findTracking(cells: readonly ICellFacts[]): number {
  return cells.findIndex(
    cell => cell.type === 'code' && TRACK_LINE.test(cell.source)
  );
}

/** Return where the tracking cell belongs: on top, or below the parameters. */
export function placeForTracking(cells: readonly ICellFacts[]): number {
  const parameters = cells.map(cell =>
    cell.tags.some(tag => PARAMETER_TAGS.includes(tag))
  );
  return parameters.lastIndexOf(true) + 1;
}

/**
 * Make a notebook a tracked one, unless it is already.
 *
 * It is one change, so that one undo takes it back.
 *
 * @returns the index of the cell that tracks it, new or not.
 */
export function addTracking(notebook: ISharedNotebook): number {
  const cells = notebook.cells.map(cell => ({
    type: cell.cell_type,
    source: cell.getSource(),
    tags: tagsOf(cell.getMetadata('tags'))
  }));
  const found = findTracking(cells);
  if (found >= 0) {
    return found;
  }
  const index = placeForTracking(cells);
  notebook.insertCell(index, {
    cell_type: 'code',
    source: TRACK_SOURCE,
    metadata: { trusted: true }
  });
  return index;
}

/** Tags are whatever the file holds: only a list of text counts. */
function tagsOf(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((tag): tag is string => typeof tag === 'string')
    : [];
}

/** Return the notebook in front, and not one that lies behind a terminal. */
export function notebookInFront(
  notebooks: INotebookTracker,
  shell: JupyterFrontEnd.IShell
): NotebookPanel | null {
  const { currentWidget } = notebooks;
  return currentWidget === shell.currentWidget ? currentWidget : null;
}

/** Whether the notebook is in Python, as far as is known. */
export function isPython(panel: NotebookPanel): boolean {
  const language = panel.content.model?.defaultKernelLanguage.toLowerCase();
  return language === '' || language === 'python';
}

/** Return the notebook if it can be tracked: editable, and Python. */
function trackable(panel: NotebookPanel | null): Notebook | null {
  return panel && isPython(panel) && !panel.content.model?.readOnly
    ? panel.content
    : null;
}

/** True in a kernel that can load the extension; it imports nothing. */
const IS_THERE =
  "__import__('importlib.util').util.find_spec('mlops_nb') is not None";

/** Say so if the notebook's kernel has not got the package, and what to do about it. */
async function warnIfMissing(
  panel: NotebookPanel | null,
  trans: TranslationBundle
): Promise<void> {
  const kernel = panel?.sessionContext.session?.kernel;
  if (!kernel || (await hasPackage(kernel)) !== false) {
    return;
  }
  Notification.warning(
    trans.__(
      'The kernel of this notebook, %1, has no mlops_nb. Run `%pip install mlops-nb` in it, then restart the kernel.',
      panel.sessionContext.kernelDisplayName
    ),
    { autoClose: false }
  );
}

/** Ask a kernel whether the package is installed where it runs; null if it does not say. */
export async function hasPackage(
  kernel: Pick<Kernel.IKernelConnection, 'requestExecute'>
): Promise<boolean | null> {
  const { content } = await kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    user_expressions: { found: IS_THERE }
  }).done;
  const { found } = (
    content as {
      user_expressions?: { found?: { data?: Record<string, unknown> } };
    }
  ).user_expressions ?? { found: undefined };
  const said = found?.data?.['text/plain'];
  return said === 'True' ? true : said === 'False' ? false : null;
}

export const trackPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-nb:track',
  description: 'The command that makes a notebook a tracked one.',
  autoStart: true,
  optional: [INotebookTracker, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    if (!notebooks) {
      return; // A front end without notebooks has nothing to track.
    }
    const trans = (translator ?? nullTranslator).load('mlops_nb');
    const { commands, shell } = app;

    const inFront = () => notebookInFront(notebooks, shell);

    commands.addCommand(TRACK, {
      label: trans.__('Track this notebook'),
      caption: trans.__(
        'Add the cell that records every run of this notebook, so that it can be repeated'
      ),
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled: () => trackable(inFront()) !== null,
      execute: async () => {
        const panel = inFront();
        const notebook = trackable(panel);
        if (!notebook?.model) {
          return;
        }
        const index = addTracking(notebook.model.sharedModel);
        notebook.activeCellIndex = index;
        notebook.deselectAll();
        notebook.mode = 'command';
        await notebook.scrollToCell(notebook.widgets[index]);
        await warnIfMissing(panel, trans);
      }
    });
    notebooks.currentChanged.connect(() => {
      commands.notifyCommandChanged(TRACK);
    });
    palette?.addItem({ command: TRACK, category: trans.__('MLOps') });
  }
};
