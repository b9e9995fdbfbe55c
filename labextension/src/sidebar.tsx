/**
 * The sidebar: the project on top, the tabs that plugins added below it.
 */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Button, refreshIcon } from '@jupyterlab/ui-components';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import { type ISignal, Signal } from '@lumino/signaling';
import React from 'react';

import { Api } from './api';
import { OPEN_SIDEBAR, REFRESH } from './commands';
import { Header } from './components/Header';
import { Failure, Loading } from './components/states';
import { panelId, tabId, Tabs } from './components/Tabs';
import { useSignal } from './feed';
import { followFront } from './follow';
import { mlopsIcon } from './icons';
import { Live } from './live';
import { LiveWidget } from './livewidget';
import { Options } from './options';
import { ProjectModel } from './project';
import { type IContext, ISidebar, type ITab } from './tokens';

/** Below the file browser and the running kernels, above the extensions. */
const RANK = 300;

const STATE = 'mlops-nb:tab';

const AFTER_PALETTE_MS = 50;

/** Whether the address that JupyterLab was opened with asks for the sidebar: `?mlops=sidebar`. */
export function asksForSidebar(search: string): boolean {
  return new URLSearchParams(search).get('mlops') === 'sidebar';
}

export class Sidebar extends LiveWidget implements ISidebar {
  constructor(
    context: IContext,
    private readonly state: IStateDB | null = null
  ) {
    super(context.live);
    this.api = context.api;
    this.project = context.project;
    this.live = context.live;
    this.options = context.options;
    this.commands = context.commands;
    this.trans = context.trans;
    this.id = 'mlops-sidebar';
    this.title.icon = mlopsIcon;
    this.title.caption = this.trans.__('MLOps');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', this.trans.__('MLOps'));
    this.addClass('mlops-Sidebar');
  }

  readonly api: IContext['api'];
  readonly project: IContext['project'];
  readonly live: IContext['live'];
  readonly options: IContext['options'];
  readonly commands: IContext['commands'];
  readonly trans: IContext['trans'];

  get tabs(): readonly ITab[] {
    return this._tabs;
  }

  /** The id of the tab in front. */
  get chosen(): string {
    const ids = this._tabs.map(tab => tab.id);
    return ids.includes(this._chosen) ? this._chosen : (ids[0] ?? '');
  }

  /** Emitted when tabs come or go, or another one is chosen. */
  get tabsChanged(): ISignal<this, void> {
    return this._tabsChanged;
  }

  addTab(tab: ITab): IDisposable {
    this._tabs = [...this._tabs, tab].sort((a, b) => a.rank - b.rank);
    this._tabsChanged.emit();
    return new DisposableDelegate(() => {
      this._tabs = this._tabs.filter(other => other !== tab);
      this._tabsChanged.emit();
    });
  }

  showTab(id: string): void {
    this._chosen = id;
    void this.state?.save(STATE, id);
    this._tabsChanged.emit();
  }

  /** Take up which tab was chosen on an earlier page. */
  async restore(): Promise<void> {
    const id = await this.state?.fetch(STATE);
    if (typeof id === 'string') {
      this._chosen = id;
      this._tabsChanged.emit();
    }
  }

  render(): React.ReactElement {
    return <Content sidebar={this} />;
  }

  /** Who opens the sidebar by a command is in it, with the keyboard too. */
  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    const { node } = this;
    const tab = node.querySelector<HTMLElement>('[role="tab"][tabindex="0"]');
    (tab ?? node.querySelector('button'))?.focus();
  }

  private _tabs: readonly ITab[] = [];
  private _chosen = '';
  private readonly _tabsChanged = new Signal<this, void>(this);
}

function Content(props: { sidebar: Sidebar }) {
  const { sidebar } = props;
  const { project, tabs, trans } = sidebar;
  useSignal(sidebar.tabsChanged);
  useSignal(project.changed);
  const tab = tabs.find(({ id }) => id === sidebar.chosen);
  return (
    <>
      <Header context={sidebar} />
      {project.facts && tab ? (
        <>
          <Tabs
            label={trans.__('What to show')}
            tabs={tabs}
            chosen={tab.id}
            onChoose={id => {
              sidebar.showTab(id);
            }}
          />
          <div
            key={tab.id}
            id={panelId(tab.id)}
            className="mlops-TabPanel"
            role="tabpanel"
            aria-labelledby={tabId(tab.id)}
          >
            {tab.render()}
          </div>
        </>
      ) : (
        <NoProject context={sidebar} />
      )}
    </>
  );
}

function NoProject(props: { context: IContext }) {
  const { project, trans } = props.context;
  const { error, pinned } = project;
  if (!error) {
    return <Loading trans={trans} />;
  }
  return (
    <Failure
      error={error}
      trans={trans}
      onRetry={() => {
        void project.refresh();
      }}
    >
      {pinned && (
        <Button
          type="button"
          small
          onClick={() => {
            project.pin(null);
          }}
        >
          {trans.__('Follow the notebook in front')}
        </Button>
      )}
    </Failure>
  );
}

export const sidebarPlugin: JupyterFrontEndPlugin<ISidebar> = {
  id: 'mlops-nb:plugin',
  description: 'The sidebar, to which other plugins add their tabs.',
  autoStart: true,
  provides: ISidebar,
  optional: [
    ILayoutRestorer,
    ICommandPalette,
    IDefaultFileBrowser,
    ISettingRegistry,
    IStateDB,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    browser: IDefaultFileBrowser | null,
    settings: ISettingRegistry | null,
    state: IStateDB | null,
    translator: ITranslator | null
  ): ISidebar => {
    const trans = (translator ?? nullTranslator).load('mlops_nb');
    const { commands, serviceManager, shell } = app;
    const options = new Options();
    const api = new Api(serviceManager.serverSettings, trans);
    const live = new Live(
      api,
      serviceManager.events.stream,
      options.values.pollInterval
    );
    const project = new ProjectModel(api, live, state);
    const sidebar = new Sidebar(
      { api, project, live, options, commands, trans },
      state
    );

    options.changed.connect(() => {
      live.interval_s = options.values.pollInterval;
    });
    settings?.load(sidebarPlugin.id).then(
      loaded => {
        options.follow(loaded);
      },
      (reason: unknown) => {
        console.error('mlops_nb: its settings could not be loaded', reason);
      }
    );

    shell.add(sidebar, 'left', { rank: RANK, type: 'MLOps' });
    restorer?.add(sidebar, sidebar.id);

    // What is in front is known once the layout is there; what was chosen, a little later.
    void Promise.all([
      app.restored,
      project.restore().catch(forget),
      sidebar.restore().catch(forget)
    ]).then(() => {
      followFront(app, browser, project);
    });

    commands.addCommand(OPEN_SIDEBAR, {
      label: trans.__('Open the MLOps sidebar'),
      icon: mlopsIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        shell.activateById(sidebar.id);
        // The palette gives the focus back to the document when it closes, which is after this.
        setTimeout(() => {
          shell.activateById(sidebar.id);
        }, AFTER_PALETTE_MS);
      }
    });
    if (asksForSidebar(window.location.search)) {
      void app.restored.then(() => {
        shell.activateById(sidebar.id);
      });
    }
    commands.addCommand(REFRESH, {
      label: trans.__('Refresh runs and jobs'),
      icon: refreshIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => {
        live.refresh();
      }
    });
    for (const command of [OPEN_SIDEBAR, REFRESH]) {
      palette?.addItem({ command, category: trans.__('MLOps') });
    }
    return sidebar;
  }
};

/** What was remembered is a convenience: without it the sidebar starts as new. */
function forget(reason: unknown): void {
  console.warn('mlops_nb: the state of the sidebar could not be read', reason);
}
