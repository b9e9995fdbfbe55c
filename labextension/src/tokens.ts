/**
 * Where the sidebar and its tabs meet. A tab is a plugin of its own that requires `ISidebar`.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ReactElement } from 'react';

import type { Api } from './api';
import type { Live } from './live';
import type { Options } from './options';
import type { ProjectModel } from './project';

/** What every tab works with. */
export interface IContext {
  readonly api: Api;
  readonly project: ProjectModel;
  readonly live: Live;
  readonly options: Options;
  readonly commands: CommandRegistry;
  readonly trans: TranslationBundle;
}

export interface ITab {
  readonly id: string;
  readonly label: string;
  /** Tabs stand in the order of their ranks. */
  readonly rank: number;
  /** Render the tab; called while it is the chosen one and a project is shown. */
  readonly render: () => ReactElement;
}

export interface ISidebar extends IContext {
  /** Add a tab until the result is disposed. */
  addTab(tab: ITab): IDisposable;
  /** Choose a tab. */
  showTab(id: string): void;
}

export const ISidebar = new Token<ISidebar>(
  'mlops-nb:ISidebar',
  'The sidebar of mlops_nb, to which plugins add tabs.'
);
