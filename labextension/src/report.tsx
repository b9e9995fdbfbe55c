/**
 * One of Evidently's full reports in the main area: with its scripts, which can do nothing here.
 */
import { type IThemeManager, MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import React from 'react';

import {
  type ApiError,
  asApiError,
  type IReportPage,
  type ReportKey
} from './api';
import { Failure, Loading } from './components/states';
import { reportIcon } from './icons';
import type { IContext } from './tokens';

/** Scripts and styles of the page itself, and nothing that is loaded or sent. */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; " +
  "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'";

/** What is shown; enough to show it again after a reload. */
export interface ISubject {
  key: ReportKey;
  /** A path in its project. */
  path: string;
  /** The run's name, or the file's. */
  name: string;
}

/**
 * Return the page as it is put into its frame.
 *
 * A frame without an origin has no storage: Evidently's page, which keeps there whether it is
 * light or dark, is given one of its own.
 */
export function reportDocument(html: string, isLight: boolean): string {
  const mode = isLight ? 'light' : 'dark';
  const storage = `{
  const kept = new Map([['mui-mode', '${mode}']]);
  Object.defineProperty(window, 'localStorage', { value: {
    getItem: key => kept.get(key) ?? null,
    setItem: (key, value) => { kept.set(key, String(value)); },
    removeItem: key => { kept.delete(key); }
  } });
}`;
  return `<!doctype html><meta http-equiv="Content-Security-Policy" content="${POLICY}"><script>${storage}</script>${html}`;
}

export class FullReport extends ReactWidget {
  constructor(
    readonly subject: ISubject,
    private readonly context: IContext,
    private readonly themes: IThemeManager | null
  ) {
    super();
    this.addClass('mlops-Details');
    this.addClass('mlops-Report');
    this.title.icon = reportIcon;
    this.title.closable = true;
    this.entitle(subject.name);
    themes?.themeChanged.connect(this.onTheme, this);
    void this.refresh();
  }

  /** Ask for the page again; what is shown stays until the answer is there. */
  async refresh(): Promise<void> {
    const { key, path } = this.subject;
    try {
      this._page = await this.context.api.report(path, key);
      this._error = null;
      this.entitle(this._page.title);
    } catch (reason) {
      this._error = asApiError(reason);
    }
    this.update();
  }

  render(): React.ReactElement {
    const { trans } = this.context;
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
        {this._page ? (
          <iframe
            sandbox="allow-scripts"
            referrerPolicy="no-referrer"
            title={trans.__('Evidently’s report: %1', this._page.title)}
            srcDoc={reportDocument(this._page.html, this.isLight)}
          />
        ) : (
          !error && <Loading trans={trans} />
        )}
      </>
    );
  }

  dispose(): void {
    this.themes?.themeChanged.disconnect(this.onTheme, this);
    super.dispose();
  }

  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.querySelector('iframe')?.focus();
  }

  private entitle(name: string): void {
    const { trans } = this.context;
    this.title.label = trans.__('Evidently: %1', name);
    this.title.caption = trans.__('Evidently’s report: %1', name);
  }

  private get isLight(): boolean {
    const { themes } = this;
    return !themes?.theme || themes.isLight(themes.theme);
  }

  private onTheme(): void {
    this.update();
  }

  private _page: IReportPage | null = null;
  private _error: ApiError | null = null;
}

/** Return the widget for the main area. */
export function makeReport(
  subject: ISubject,
  context: IContext,
  themes: IThemeManager | null
): MainAreaWidget<FullReport> {
  const widget = new MainAreaWidget({
    content: new FullReport(subject, context, themes)
  });
  widget.toolbar.hide(); // It is empty.
  widget.id = reportId(subject);
  return widget;
}

/** The same report is the same widget. */
export function reportId({ key, path }: ISubject): string {
  return key.run !== undefined
    ? `mlops-report:${key.run}:${key.report ?? ''}`
    : `mlops-report:${path}:${key.file}`;
}
