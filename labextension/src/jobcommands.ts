/**
 * The commands that act on jobs: run now, pause, resume, remove.
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

import { asApiError, type IJob } from './api';
import { PAUSE_JOB, REMOVE_JOB, RESUME_JOB, RUN_JOB } from './commands';
import { pickJob, textOf } from './pick';
import { type IContext, ISidebar } from './tokens';

interface IAction {
  command: string;
  label: string;
  /** What to say when it is done; nothing where the list shows it. */
  done?: (job: string) => string;
  act: (path: string, job: string) => Promise<unknown>;
  isFor?: (job: IJob) => boolean;
  confirm?: (job: string) => Promise<boolean>;
}

export const jobCommandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-nb:job-commands',
  description: 'The commands that act on jobs.',
  autoStart: true,
  requires: [ISidebar],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    sidebar: ISidebar,
    palette: ICommandPalette | null
  ): void => {
    for (const action of actionsOf(sidebar)) {
      const { command, label } = action;
      app.commands.addCommand(command, {
        label,
        describedBy: {
          args: {
            type: 'object',
            properties: { job: { type: 'string' }, path: { type: 'string' } }
          }
        },
        execute: async args => {
          const job =
            textOf(args.job) ?? (await pickJob(sidebar, action.isFor))?.key;
          if (job) {
            const path = textOf(args.path) ?? sidebar.project.path;
            await perform(action, path, job, sidebar);
          }
        }
      });
      palette?.addItem({ command, category: sidebar.trans.__('MLOps') });
    }
  }
};

function actionsOf({ api, trans }: IContext): IAction[] {
  return [
    {
      command: RUN_JOB,
      label: trans.__('Run a job now…'),
      done: job => trans.__('%1 is starting', job),
      act: (path, job) => api.runJob(path, job)
    },
    {
      command: PAUSE_JOB,
      label: trans.__('Pause a job…'),
      act: (path, job) => api.pauseJob(path, job),
      isFor: job => !job.paused
    },
    {
      command: RESUME_JOB,
      label: trans.__('Resume a job…'),
      act: (path, job) => api.resumeJob(path, job),
      isFor: job => job.paused
    },
    {
      command: REMOVE_JOB,
      label: trans.__('Remove a job…'),
      act: (path, job) => api.removeJob(path, job),
      confirm: async job => {
        const { button } = await showDialog({
          title: trans.__('Remove the job %1?', job),
          body: trans.__(
            'It will not run again. Its runs and the source notebook stay.'
          ),
          buttons: [
            Dialog.cancelButton(),
            Dialog.warnButton({ label: trans.__('Remove') })
          ]
        });
        return button.accept;
      }
    }
  ];
}

async function perform(
  action: IAction,
  path: string,
  job: string,
  { live }: IContext
): Promise<void> {
  if (action.confirm && !(await action.confirm(job))) {
    return;
  }
  try {
    await action.act(path, job);
    if (action.done) {
      Notification.info(action.done(job), { autoClose: 3000 });
    }
  } catch (reason) {
    const { message, hint } = asApiError(reason);
    Notification.error(hint ? `${message}: ${hint}` : message);
  }
  live.refresh(); // After an error too: what was shown may have been out of date.
}
