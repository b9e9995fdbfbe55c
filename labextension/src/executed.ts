/**
 * Executed notebooks, opened read-only and without a kernel.
 *
 * They lie in the project's `.mlops`, which Jupyter's own contents service refuses as hidden: so a
 * drive of ours serves them. A path on it is `mlops:<path in the project>/<run id>/<name>`.
 */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { PageConfig, PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import {
  type INotebookModel,
  NotebookPanel,
  NotebookWidgetFactory
} from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Contents, ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { notebookIcon } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, asApiError } from './api';
import { OPEN_EXECUTED } from './commands';
import { isExecuted, pickRun, textOf } from './pick';
import { ISidebar } from './tokens';

export const DRIVE = 'mlops';
export const EXECUTED_FACTORY = 'Executed notebook';

/** Return the path, on our drive, of a run's executed notebook. */
export function executedPath(path: string, run: string, name: string): string {
  const file = name.endsWith('.ipynb') ? name : `${name || run}.ipynb`;
  return `${DRIVE}:${PathExt.join(path, run, file)}`;
}

/** Return the path in the project that `executedPath` was made of. */
export function projectOf(localPath: string): string {
  return PathExt.dirname(PathExt.dirname(localPath));
}

export class ExecutedDrive implements Contents.IDrive {
  constructor(
    private readonly api: Api,
    readonly serverSettings: ServerConnection.ISettings,
    private readonly trans: TranslationBundle
  ) {}

  readonly name = DRIVE;

  get fileChanged(): ISignal<this, Contents.IChangedArgs> {
    return this._fileChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  async get(
    localPath: string,
    options?: Contents.IFetchOptions
  ): Promise<Contents.IModel> {
    if (!localPath.endsWith('.ipynb')) {
      return folderModel(localPath);
    }
    let model: Contents.IModel;
    try {
      model = await this.api.notebook(
        projectOf(localPath),
        PathExt.basename(PathExt.dirname(localPath))
      );
    } catch (reason) {
      // JupyterLab shows the message alone.
      const { message, hint } = asApiError(reason);
      throw new Error(hint ? `${message}: ${hint}` : message);
    }
    const isWhole = options?.content !== false;
    return {
      ...model,
      name: PathExt.basename(localPath),
      path: localPath,
      writable: false,
      content: isWhole ? frozen(model.content as INotebookJson) : null,
      format: isWhole ? 'json' : null
    };
  }

  listCheckpoints(): Promise<Contents.ICheckpointModel[]> {
    return Promise.resolve([]);
  }

  getDownloadUrl(): Promise<string> {
    return this.refuse();
  }

  newUntitled(): Promise<Contents.IModel> {
    return this.refuse();
  }

  delete(): Promise<void> {
    return this.refuse();
  }

  rename(): Promise<Contents.IModel> {
    return this.refuse();
  }

  save(): Promise<Contents.IModel> {
    return this.refuse();
  }

  copy(): Promise<Contents.IModel> {
    return this.refuse();
  }

  createCheckpoint(): Promise<Contents.ICheckpointModel> {
    return this.refuse();
  }

  restoreCheckpoint(): Promise<void> {
    return this.refuse();
  }

  deleteCheckpoint(): Promise<void> {
    return this.refuse();
  }

  private refuse(): Promise<never> {
    return Promise.reject(this.refusal());
  }

  private refusal(): Error {
    return new Error(
      this.trans.__(
        'Executed notebooks are records of runs: they can be read, not changed. Edit the source notebook instead.'
      )
    );
  }

  private _isDisposed = false;
  private readonly _fileChanged = new Signal<this, Contents.IChangedArgs>(this);
}

/** JupyterLab looks at the folder of a document too: ours are never listed. */
function folderModel(path: string): Contents.IModel {
  return {
    name: PathExt.basename(path),
    path,
    type: 'directory',
    writable: false,
    created: '',
    last_modified: '',
    mimetype: '',
    content: [],
    format: 'json'
  };
}

/** As much of a notebook's JSON as is looked at here. */
interface INotebookJson {
  cells: { metadata: object }[];
}

/** Return the notebook with all of its cells read-only. */
function frozen(notebook: INotebookJson): INotebookJson {
  return {
    ...notebook,
    cells: notebook.cells.map(cell => ({
      ...cell,
      metadata: { ...cell.metadata, editable: false, deletable: false }
    }))
  };
}

/** Makes the widgets of executed notebooks. */
export class ExecutedFactory extends NotebookWidgetFactory {
  protected createNewWidget(
    context: DocumentRegistry.IContext<INotebookModel>,
    source?: NotebookPanel
  ): NotebookPanel {
    context.model.readOnly = true;
    const panel = super.createNewWidget(context, source);
    panel.addClass('mlops-Executed');
    return panel;
  }
}

/**
 * Return the executed notebook that the page's address names, so that it is opened by us.
 *
 * JupyterLab would look for it in a file browser of our drive, which there is not, and complain.
 */
export function takeFromAddress(): string | null {
  const path = PageConfig.getOption('treePath');
  if (!path.startsWith(`${DRIVE}:`)) {
    return null;
  }
  PageConfig.setOption('treePath', '');
  return path;
}

export const executedPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-nb:executed',
  description: 'Executed notebooks, read-only and without a kernel.',
  autoStart: true,
  requires: [ISidebar],
  optional: [
    IDocumentManager,
    NotebookPanel.IContentFactory,
    IEditorServices,
    IRenderMimeRegistry,
    ILayoutRestorer,
    ICommandPalette
  ],
  activate: (
    app: JupyterFrontEnd,
    sidebar: ISidebar,
    documents: IDocumentManager | null,
    contentFactory: NotebookPanel.IContentFactory | null,
    editors: IEditorServices | null,
    rendermime: IRenderMimeRegistry | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    if (!documents || !contentFactory || !editors || !rendermime) {
      return; // A front end without notebooks has nothing to open them with.
    }
    const { trans } = sidebar;
    const { contents, serverSettings } = app.serviceManager;
    contents.addDrive(new ExecutedDrive(sidebar.api, serverSettings, trans));

    const factory = new ExecutedFactory({
      name: EXECUTED_FACTORY,
      label: trans.__('Executed notebook'),
      fileTypes: [],
      modelName: 'notebook',
      readOnly: true,
      preferKernel: false,
      canStartKernel: false,
      rendermime,
      contentFactory,
      mimeTypeService: editors.mimeTypeService
    });
    app.docRegistry.addWidgetFactory(factory);

    const asked = takeFromAddress();
    if (asked) {
      void app.restored.then(() => {
        documents.openOrReveal(asked, EXECUTED_FACTORY);
      });
    }

    const tracker = new WidgetTracker<NotebookPanel>({
      namespace: 'mlops-executed'
    });
    factory.widgetCreated.connect((_, panel) => {
      panel.title.icon = notebookIcon;
      void tracker.add(panel);
    });

    app.commands.addCommand(OPEN_EXECUTED, {
      label: trans.__('Open the executed notebook of a run…'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            run: { type: 'string' },
            path: { type: 'string' },
            name: { type: 'string' }
          }
        }
      },
      execute: async args => {
        const key = textOf(args.run);
        const run = key
          ? { key, name: textOf(args.name) ?? key }
          : await pickRun(sidebar, isExecuted);
        if (run) {
          const path = textOf(args.path) ?? sidebar.project.path;
          documents.openOrReveal(
            executedPath(path, run.key, run.name),
            EXECUTED_FACTORY
          );
        }
      }
    });
    palette?.addItem({
      command: OPEN_EXECUTED,
      category: trans.__('MLOps')
    });
    void restorer?.restore(tracker, {
      command: 'docmanager:open',
      args: panel => ({ path: panel.context.path, factory: EXECUTED_FACTORY }),
      name: panel => panel.context.path
    });
  }
};
