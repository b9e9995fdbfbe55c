/**
 * "Schedule…": the form that makes a notebook a job.
 *
 * It stays open until the server has taken the job, so that nothing that was typed is lost.
 */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  Notification,
  showDialog
} from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { type Api, type ApiError, asApiError, type IJob } from './api';
import { OPEN_SIDEBAR, SCHEDULE } from './commands';
import { initialDraft, type IDraft, requestOf } from './components/draft';
import { ScheduleForm } from './components/ScheduleForm';
import { isOnServer } from './follow';
import { scheduleIcon } from './icons';
import { ISidebar } from './tokens';
import { isPython, notebookInFront } from './track';

/** The dialog's body: keeps the draft, and says what became of it. */
export class ScheduleBody extends ReactWidget {
  constructor(
    private readonly api: Api,
    readonly notebook: string,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('mlops-Schedule');
    this._draft = initialDraft(notebook);
  }

  /** Send the draft; return the job, or null where it was refused (the form says why). */
  async submit(): Promise<IJob | null> {
    if (this._isBusy) {
      return null;
    }
    this._isBusy = true;
    this._error = null;
    this.update();
    try {
      const request = requestOf(this._draft, this.notebook);
      return await this.api.addJob(this.notebook, request);
    } catch (reason) {
      this._error = asApiError(reason);
      return null;
    } finally {
      this._isBusy = false;
      this.update();
    }
  }

  render(): React.ReactElement {
    return (
      <ScheduleForm
        api={this.api}
        notebook={this.notebook}
        trans={this.trans}
        initial={this._draft}
        error={this._error}
        isBusy={this._isBusy}
        onChange={draft => {
          this._draft = draft;
        }}
      />
    );
  }

  private _draft: IDraft;
  private _error: ApiError | null = null;
  private _isBusy = false;
}

/** A dialog that closes when the server has taken the job, or the user gives up. */
export class ScheduleDialog extends Dialog<unknown> {
  constructor(
    private readonly form: ScheduleBody,
    trans: TranslationBundle
  ) {
    super({
      title: trans.__('Schedule this notebook'),
      body: form,
      buttons: [
        Dialog.cancelButton(),
        Dialog.okButton({ label: trans.__('Schedule') })
      ],
      focusNodeSelector: 'input'
    });
    this.addClass('mlops-ScheduleDialog');
  }

  /** The job that was made. */
  get job(): IJob | null {
    return this._job;
  }

  resolve(index?: number): void {
    if (index === 0) {
      super.resolve(index);
      return;
    }
    if (this.node.querySelector(':invalid, .jp-mod-error')) {
      return;
    }
    void this.form.submit().then(job => {
      if (job && !this.isDisposed) {
        this._job = job;
        super.resolve(index);
      }
    });
  }

  handleEvent(event: Event): void {
    // The dialog takes Enter for OK everywhere; on a button or a summary it means that one.
    const isOnButton =
      event.target instanceof Element &&
      this.form.node.contains(event.target) &&
      event.target.matches('button, summary, select');
    if (
      isOnButton &&
      event instanceof KeyboardEvent &&
      event.key !== 'Escape'
    ) {
      return;
    }
    super.handleEvent(event);
  }

  private _job: IJob | null = null;
}

export const schedulePlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-nb:schedule',
  description: 'The command and the toolbar button that schedule a notebook.',
  autoStart: true,
  requires: [ISidebar],
  optional: [INotebookTracker, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    sidebar: ISidebar,
    notebooks: INotebookTracker | null,
    palette: ICommandPalette | null
  ): void => {
    if (!notebooks) {
      return; // A front end without notebooks has nothing to schedule.
    }
    const { commands, serviceManager, shell } = app;
    const { options, trans } = sidebar;
    const inFront = () => {
      const panel = notebookInFront(notebooks, shell);
      const isFit =
        panel &&
        isPython(panel) &&
        isOnServer(serviceManager.contents, panel.context.path);
      return isFit ? panel : null;
    };

    commands.addCommand(SCHEDULE, {
      label: trans.__('Schedule this notebook…'),
      caption: trans.__(
        'Run this notebook, unchanged, at the times you choose'
      ),
      icon: scheduleIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled: () => inFront() !== null,
      // JupyterLab passes `toolbar` to the commands of toolbars.
      isVisible: args => !args.toolbar || options.values.showSchedule,
      execute: async () => {
        const panel = inFront();
        if (panel && (await saved(panel, trans))) {
          const notebook = serviceManager.contents.localPath(
            panel.context.path
          );
          await schedule(sidebar, notebook);
        }
      }
    });
    const notify = () => {
      commands.notifyCommandChanged(SCHEDULE);
    };
    notebooks.currentChanged.connect((_, panel) => {
      notify();
      // Its language is known when its kernel is.
      panel?.sessionContext.kernelChanged.connect(notify);
    });
    shell.currentChanged?.connect(notify);
    options.changed.connect(notify);
    palette?.addItem({ command: SCHEDULE, category: trans.__('MLOps') });
  }
};

/** Make sure that the file holds what is seen, since a job is made of the file. */
async function saved(
  panel: NotebookPanel,
  trans: TranslationBundle
): Promise<boolean> {
  const { context } = panel;
  if (!context.model.dirty && context.contentsModel) {
    return true;
  }
  const { button } = await showDialog({
    title: trans.__('Save the notebook first?'),
    body: trans.__(
      'A job is made of the saved file, and this notebook has changes that are not saved.'
    ),
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Save and go on') })
    ]
  });
  if (!button.accept) {
    return false;
  }
  await context.save();
  return !context.model.dirty;
}

async function schedule(sidebar: ISidebar, notebook: string): Promise<void> {
  const { api, live, trans } = sidebar;
  const form = new ScheduleBody(api, notebook, trans);
  const dialog = new ScheduleDialog(form, trans);
  await dialog.launch();
  const { job } = dialog;
  if (!job) {
    return;
  }
  sidebar.showTab('jobs');
  live.refresh();
  Notification.success(
    trans.__('%1 is scheduled: %2', job.name, job.schedule),
    {
      autoClose: 5000,
      actions: [
        {
          label: trans.__('Show the jobs'),
          callback: () => {
            void sidebar.commands.execute(OPEN_SIDEBAR);
          }
        }
      ]
    }
  );
}
