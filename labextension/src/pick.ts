/**
 * Which run or job a command is about, asked where the command was not told (from the palette).
 */
import { Dialog, InputDialog, showErrorMessage } from '@jupyterlab/apputils';

import { asApiError, type IJob, type IRun } from './api';
import { absolute } from './components/words';
import type { IContext } from './tokens';

export interface IPicked {
  key: string;
  name: string;
}

/** Whether there is an executed copy of the run's notebook. */
export function isExecuted(run: IRun): boolean {
  return 'mlops.output_notebook' in run.tags;
}

/** Return the latest of Evidently's full reports that the run keeps. */
export function reportIn(run: IRun): string | undefined {
  return run.tags['mlops.evidently'];
}

/** Return an argument of a command if it is text; the path of the root is empty text. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Let the user choose one of the latest runs. */
export function pickRun(
  context: IContext,
  isWanted: (run: IRun) => boolean = () => true
): Promise<IPicked | null> {
  const { api, options, project, trans } = context;
  return pick(context, trans.__('Which run?'), async () => {
    const limit = options.values.runsLimit;
    const runs = await api.runs(project.path, { limit });
    return runs.filter(isWanted).map(run => ({
      key: run.run_id,
      name: run.name,
      shown: `${run.name}, ${absolute(new Date(run.started_at))} (${run.run_id})`
    }));
  });
}

/** Let the user choose one of the jobs. */
export function pickJob(
  context: IContext,
  isWanted: (job: IJob) => boolean = () => true
): Promise<IPicked | null> {
  const { api, project, trans } = context;
  return pick(context, trans.__('Which job?'), async () => {
    const jobs = await api.jobs(project.path);
    return jobs
      .filter(isWanted)
      .map(({ name }) => ({ key: name, name, shown: name }));
  });
}

async function pick(
  { trans }: IContext,
  title: string,
  load: () => Promise<(IPicked & { shown: string })[]>
): Promise<IPicked | null> {
  try {
    const found = await load();
    if (found.length === 0) {
      await showErrorMessage(title, trans.__('There is none in this project.'));
      return null;
    }
    const { button, value } = await InputDialog.getItem({
      title,
      items: found.map(({ shown }) => shown)
    });
    const chosen = found.find(({ shown }) => shown === value);
    return button.accept && chosen
      ? { key: chosen.key, name: chosen.name }
      : null;
  } catch (reason) {
    const { message, hint } = asApiError(reason);
    await showErrorMessage(title, hint ? `${message}: ${hint}` : message, [
      Dialog.okButton()
    ]);
    return null;
  }
}
