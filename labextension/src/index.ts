/**
 * The plugins of mlops_nb in JupyterLab and Notebook 7.
 *
 * Every token of theirs is asked for as optional, so that a front end without it still starts.
 * The tabs meet at the one token of ours, `ISidebar`: a further tab is a further plugin.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { detailsPlugin } from './details';
import { executedPlugin } from './executed';
import { jobCommandsPlugin } from './jobcommands';
import { reportPlugin } from './reporting';
import { schedulePlugin } from './schedule';
import { sidebarPlugin } from './sidebar';
import { jobsPlugin } from './tabs/jobs';
import { runsPlugin } from './tabs/runs';
import type { ISidebar } from './tokens';
import { trackPlugin } from './track';

export { ISidebar, type ITab } from './tokens';

const plugins: (
  JupyterFrontEndPlugin<void> | JupyterFrontEndPlugin<ISidebar>
)[] = [
  trackPlugin,
  sidebarPlugin,
  runsPlugin,
  jobsPlugin,
  detailsPlugin,
  executedPlugin,
  reportPlugin,
  jobCommandsPlugin,
  schedulePlugin
];

export default plugins;
