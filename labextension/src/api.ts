/**
 * The only place that talks to the server: one typed function for each route of mlops_nb.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { type Contents, ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';

/** JSON has no NaN and no infinities: they come as text. */
export type Numeric = number | 'NaN' | 'Infinity' | '-Infinity';

export const RUN_STATUSES = [
  'RUNNING',
  'FINISHED',
  'FAILED',
  'KILLED',
  'LOST'
] as const;

export type RunStatus = (typeof RUN_STATUSES)[number];
export type JobRunStatus = RunStatus | 'SKIPPED';
export type Verdict = 'pass' | 'fail' | 'insufficient';

export interface IProject {
  name: string;
  /** The absolute folder. */
  root: string;
  /** The folder as the Contents API names it; null where the server's root doesn't hold it. */
  path: string | null;
  /** Whether a scheduler runs for it. */
  scheduler: boolean;
  version: string;
}

export interface IRun {
  run_id: string;
  parent_id: string | null;
  name: string;
  status: RunStatus;
  reason: string | null;
  notebook: string | null;
  started_at: string;
  ended_at: string | null;
  experiment: string;
  params: Record<string, unknown>;
  metrics: Record<string, Numeric>;
  tags: Record<string, string>;
}

export interface IJobRun {
  id: string;
  job: string;
  due_at: string;
  trigger: 'schedule' | 'manual';
  status: JobRunStatus;
  reason: string | null;
  run_id: string | null;
  gate: Verdict | null;
  model: { name: string; version: number; alias: string | null } | null;
  started_at: string | null;
  ended_at: string | null;
}

export interface IJob {
  name: string;
  notebook: string;
  /** Null for a job that is only started by hand. */
  cron: string | null;
  timezone: string;
  paused: boolean;
  /** The schedule in words. */
  schedule: string;
  next_at: string | null;
  last: IJobRun | null;
}

export interface IDue {
  due_at: string;
  /** The same instant on the clock of the job's time zone. */
  local: string;
}

/** Which of Evidently's full reports: one that a run keeps (else its latest), or a file. */
export type ReportKey =
  { run: string; report?: string } | { file: string; run?: undefined };

/** One of Evidently's full reports. */
export interface IReportPage {
  title: string;
  /** A whole page, with scripts. */
  html: string;
}

/** What a new job is made of. */
export interface IJobRequest {
  name: string;
  notebook: string;
  cron: string | null;
  timezone: string;
  parameters: Record<string, unknown>;
  model: string | null;
  data: string | null;
  label: string | null;
  sensitive: string[];
}

/** Everything that can go wrong between here and the server, in one class. */
export class ApiError extends Error {
  constructor(
    readonly type: string,
    message: string,
    readonly hint: string,
    /** The HTTP status; 0 where no answer came. */
    readonly status: number
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** No answer: the server or the network is away. It may come back by itself. */
  get isOffline(): boolean {
    return this.type === 'Offline';
  }

  /** It may be over in a moment: the server is away, or a database is locked. */
  get isPassing(): boolean {
    return this.isOffline || this.status === 503;
  }

  /** The server runs, but without our extension. */
  get isExtensionMissing(): boolean {
    return this.type === 'ExtensionMissing';
  }

  /** What was asked for does not exist (any more). */
  get isNotFound(): boolean {
    return this.status === 404 && !this.isExtensionMissing;
  }
}

/** How long an answer is waited for: a job's start, the longest, gives up before. */
const PATIENCE_MS = 90_000;

export class Api {
  constructor(
    private readonly settings: ServerConnection.ISettings,
    private readonly trans: TranslationBundle,
    private readonly patience_ms = PATIENCE_MS
  ) {}

  /** Whether the server answered the last time. */
  get isOnline(): boolean {
    return this._isOnline;
  }

  get onlineChanged(): ISignal<this, boolean> {
    return this._onlineChanged;
  }

  project(path: string): Promise<IProject> {
    return this.get('project', { path });
  }

  runs(
    path: string,
    options: { limit: number; status?: RunStatus }
  ): Promise<IRun[]> {
    return this.get('runs', { path, ...options });
  }

  jobs(path: string): Promise<IJob[]> {
    return this.get('jobs/list', { path });
  }

  history(path: string, job: string, limit: number): Promise<IJobRun[]> {
    return this.get('jobs/history', { path, job, limit });
  }

  /** The next due times of a schedule that is not saved yet. */
  next(path: string, cron: string, timezone: string): Promise<IDue[]> {
    return this.get('jobs/next', { path, cron, timezone, count: 5 });
  }

  addJob(path: string, job: IJobRequest): Promise<IJob> {
    return this.post('jobs/add', path, { ...job });
  }

  pauseJob(path: string, job: string): Promise<IJob> {
    return this.post('jobs/pause', path, { job });
  }

  resumeJob(path: string, job: string): Promise<IJob> {
    return this.post('jobs/resume', path, { job });
  }

  removeJob(path: string, job: string): Promise<IJob> {
    return this.post('jobs/remove', path, { job });
  }

  /** Start a job now: the answer is the execution that is about to begin. */
  runJob(path: string, job: string): Promise<IJobRun> {
    return this.post('jobs/run', path, { job });
  }

  /** The panel of a run, as a fragment of HTML. */
  async runPanel(path: string, run: string): Promise<string> {
    const answer = await this.get<{ html: string }>('show', {
      path,
      run,
      as: 'html'
    });
    return answer.html;
  }

  /** The panel of a job, as a fragment of HTML. */
  async jobPanel(path: string, job: string): Promise<string> {
    const answer = await this.get<{ html: string }>('jobs/show', {
      path,
      job,
      as: 'html'
    });
    return answer.html;
  }

  /** The executed notebook of a run, as the Contents API would give it. */
  notebook(path: string, run: string): Promise<Contents.IModel> {
    return this.get('notebook', { path, run });
  }

  /** One of Evidently's full reports, of a run or from a file in the project. */
  report(path: string, key: ReportKey): Promise<IReportPage> {
    return this.get('report', { path, ...key });
  }

  private get<T>(
    route: string,
    query: Record<string, string | number | undefined>
  ): Promise<T> {
    return this.request(route, query, { method: 'GET', cache: 'no-store' });
  }

  private post<T>(
    route: string,
    path: string,
    body: Record<string, unknown>
  ): Promise<T> {
    return this.request(
      route,
      { path },
      { method: 'POST', body: JSON.stringify(body) }
    );
  }

  private async request<T>(
    route: string,
    query: Record<string, string | number | undefined>,
    init: RequestInit
  ): Promise<T> {
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]]
    );
    const url = `${URLExt.join(this.settings.baseUrl, 'mlops', route)}?${new URLSearchParams(given).toString()}`;
    let response: Response;
    let text: string;
    try {
      const signal = AbortSignal.timeout(this.patience_ms);
      const whole = { ...init, signal };
      response = await ServerConnection.makeRequest(url, whole, this.settings);
      text = await response.text();
    } catch {
      this.setOnline(false);
      throw this.offline();
    }
    this.setOnline(true);
    const answer = parse(text);
    if (!response.ok || answer === undefined) {
      throw this.refused(response, answer);
    }
    return answer as T;
  }

  private offline(): ApiError {
    const { trans } = this;
    return new ApiError(
      'Offline',
      trans.__('The Jupyter server does not answer'),
      trans.__('Is it still running? This view recovers by itself.'),
      0
    );
  }

  private refused(response: Response, answer: unknown): ApiError {
    const { trans } = this;
    const ours = (answer as { error?: Partial<ApiError> } | null | undefined)
      ?.error;
    if (ours?.type && ours.message) {
      const { type, message, hint } = ours;
      return new ApiError(type, message, hint ?? '', response.status);
    }
    // A route that the server doesn't know is answered in another shape than ours, or, by a
    // server that serves pages for everything, with a page.
    if (response.status === 404 || response.ok) {
      return new ApiError(
        'ExtensionMissing',
        trans.__('The server extension of mlops_nb is not enabled'),
        trans.__(
          'Run `jupyter server extension enable mlops_nb` in a terminal, then restart JupyterLab.'
        ),
        response.status
      );
    }
    const said = (answer as { message?: unknown } | null | undefined)?.message;
    return new ApiError(
      'ServerError',
      typeof said === 'string' && said
        ? said
        : trans.__(
            'The server answered %1 %2',
            response.status,
            response.statusText
          ),
      [401, 403].includes(response.status)
        ? trans.__('Reload the page to sign in again.')
        : trans.__('The server’s log says more.'),
      response.status
    );
  }

  private setOnline(isOnline: boolean): void {
    if (isOnline !== this._isOnline) {
      this._isOnline = isOnline;
      this._onlineChanged.emit(isOnline);
    }
  }

  private _isOnline = true;
  private readonly _onlineChanged = new Signal<this, boolean>(this);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Return an error of whatever was thrown, so that a view can show it. */
export function asApiError(reason: unknown): ApiError {
  if (reason instanceof ApiError) {
    return reason;
  }
  const message = reason instanceof Error ? reason.message : String(reason);
  return new ApiError('ClientError', message, '', 0);
}
