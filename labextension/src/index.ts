/**
 * The plugins of mlops_nb in JupyterLab and Notebook 7.
 *
 * Every token is asked for as optional, so that a front end without it still starts.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { trackPlugin } from './track';

const plugins: JupyterFrontEndPlugin<void>[] = [trackPlugin];

export default plugins;
