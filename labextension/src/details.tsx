/**
 * Details in the main area: the panel that the server draws, in a frame that can do nothing.
 */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  IThemeManager,
  MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import type { Widget } from '@lumino/widgets';
import React from 'react';

import { type ApiError, asApiError } from './api';
import { SHOW, SHOW_JOB } from './commands';
import { Failure, Loading } from './components/states';
import { mlopsIcon } from './icons';
import type { IChange, Live } from './live';
import { LiveWidget } from './livewidget';
import { type IPicked, pickJob, pickRun, textOf } from './pick';
import { type IContext, ISidebar } from './tokens';

/** What is shown; enough to show it again after a reload. */
export interface ISubject {
  of: 'run' | 'job';
  /** The id of the run, or the name of the job. */
  key: string;
  /** A path in its project. */
  path: string;
  name: string;
}

/** What the frame takes over from the page around it. */
const VARIABLES = {
  background: '--jp-layout-color1',
  color: '--jp-ui-font-color1',
  'font-family': '--jp-content-font-family',
  'font-size': '--jp-ui-font-size1'
};

/** Nothing may be loaded, run or sent from within the frame. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** Return the page around a fragment, in the colours and letters of the page it is shown in. */
export function frameDocument(
  fragment: string,
  style: CSSStyleDeclaration,
  isLight: boolean
): string {
  const rules = Object.entries(VARIABLES).map(
    ([property, variable]) =>
      `${property}: ${style.getPropertyValue(variable).trim()}`
  );
  const link = style.getPropertyValue('--jp-content-link-color').trim();
  return `<!doctype html>
<html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<style>
:root { color-scheme: ${isLight ? 'light' : 'dark'}; }
body { margin: 0; padding: 16px 20px; line-height: 1.5; overflow-wrap: anywhere; ${rules.join('; ')}; }
a { color: ${link}; }
img { max-width: 100%; }
</style></head><body>${inert(fragment)}</body></html>`;
}

/** Return the fragment without what leads elsewhere: even in its frame a link would be followed. */
function inert(fragment: string): string {
  const { body } = new DOMParser().parseFromString(fragment, 'text/html');
  for (const element of body.querySelectorAll('meta, base, link')) {
    element.remove();
  }
  for (const element of body.querySelectorAll('[href]')) {
    element.removeAttribute('href');
  }
  return body.innerHTML;
}

export class Details extends LiveWidget {
  constructor(
    readonly subject: ISubject,
    private readonly context: IContext,
    private readonly themes: IThemeManager | null
  ) {
    super(context.live);
    this.addClass('mlops-Details');
    context.live.changed.connect(this.onLive, this);
    themes?.themeChanged.connect(this.onTheme, this);
    void this.refresh();
  }

  /** Ask for the panel again; what is shown stays until the answer is there. */
  async refresh(): Promise<void> {
    const { api } = this.context;
    const { of, key, path } = this.subject;
    try {
      this._html = await (of === 'run'
        ? api.runPanel(path, key)
        : api.jobPanel(path, key));
      this._error = null;
    } catch (reason) {
      this._error = asApiError(reason);
    }
    this.update();
  }

  render(): React.ReactElement {
    const { trans } = this.context;
    const { name } = this.subject;
    const error = this._error;
    return (
      <>
        {error && (
          <Failure
            error={error}
            trans={trans}
            onRetry={() => {
              void this.refresh();
            }}
          />
        )}
        {this._html !== null ? (
          <iframe
            sandbox=""
            title={trans.__('Details of %1', name)}
            srcDoc={frameDocument(
              this._html,
              getComputedStyle(document.body),
              this.isLight
            )}
          />
        ) : (
          !error && <Loading trans={trans} />
        )}
      </>
    );
  }

  dispose(): void {
    this.context.live.changed.disconnect(this.onLive, this);
    this.themes?.themeChanged.disconnect(this.onTheme, this);
    super.dispose();
  }

  private get isLight(): boolean {
    const { themes } = this;
    return !themes?.theme || themes.isLight(themes.theme);
  }

  private onLive(_: Live, { what }: IChange): void {
    if (this.isVisible && (what === null || what === `${this.subject.of}s`)) {
      void this.refresh();
    }
  }

  private onTheme(): void {
    // The new theme's variables hold once its style sheet is there.
    requestAnimationFrame(() => {
      this.update();
    });
  }

  private _html: string | null = null;
  private _error: ApiError | null = null;
}

/** Return the widget for the main area. */
export function makeDetails(
  subject: ISubject,
  context: IContext,
  themes: IThemeManager | null
): MainAreaWidget<Details> {
  const { trans } = context;
  const widget = new MainAreaWidget({
    content: new Details(subject, context, themes)
  });
  widget.toolbar.hide(); // It is empty.
  widget.id = detailsId(subject);
  widget.title.label =
    subject.of === 'run'
      ? trans.__('Run %1', subject.name)
      : trans.__('Job %1', subject.name);
  widget.title.caption = `${widget.title.label} (${subject.key})`;
  widget.title.icon = mlopsIcon;
  widget.title.closable = true;
  return widget;
}

/** The same subject is the same widget. */
export function detailsId({ of, key, path }: ISubject): string {
  return `mlops-details:${of}:${key}:${of === 'job' ? path : ''}`;
}

export const detailsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-nb:details',
  description: 'Details of runs and jobs in the main area.',
  autoStart: true,
  requires: [ISidebar],
  optional: [ILayoutRestorer, IThemeManager, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    sidebar: ISidebar,
    restorer: ILayoutRestorer | null,
    themes: IThemeManager | null,
    palette: ICommandPalette | null
  ): void => {
    const { trans } = sidebar;
    const add = (
      of: ISubject['of'],
      command: string,
      label: string,
      pick: () => Promise<IPicked | null>
    ) => {
      const tracker = new WidgetTracker<MainAreaWidget<Details>>({
        namespace: `mlops-${of}`
      });
      app.commands.addCommand(command, {
        label,
        describedBy: {
          args: {
            type: 'object',
            properties: {
              [of]: { type: 'string' },
              path: { type: 'string' },
              name: { type: 'string' }
            }
          }
        },
        execute: async args => {
          const key = textOf(args[of]);
          const picked = key
            ? { key, name: textOf(args.name) ?? key }
            : await pick();
          if (!picked) {
            return;
          }
          const path = textOf(args.path) ?? sidebar.project.path;
          const subject = { of, path, ...picked };
          const id = detailsId(subject);
          let widget = tracker.find(other => other.id === id);
          if (!widget) {
            widget = makeDetails(subject, sidebar, themes);
            addTo(app.shell, widget);
            await tracker.add(widget);
          }
          app.shell.activateById(id);
        }
      });
      palette?.addItem({ command, category: trans.__('MLOps') });
      void restorer?.restore(tracker, {
        command,
        args: ({ content: { subject } }) => ({
          [of]: subject.key,
          path: subject.path,
          name: subject.name
        }),
        name: ({ content: { subject } }) => `${subject.path}:${subject.key}`
      });
    };
    add('run', SHOW, trans.__('Show a run…'), () => pickRun(sidebar));
    add('job', SHOW_JOB, trans.__('Show a job…'), () => pickJob(sidebar));
  }
};

/** In Notebook 7 the main area is the notebook's alone: there, details lie below it. */
export function addTo(shell: JupyterFrontEnd.IShell, widget: Widget): void {
  shell.add(widget, 'main', { type: 'MLOps' });
  if (!widget.parent) {
    shell.add(widget, 'down');
  }
}
