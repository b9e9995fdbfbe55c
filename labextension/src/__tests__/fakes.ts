/** A server made of answers, and the records that it answers with. */
import type { Event } from '@jupyterlab/services';
import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';

import { Api, type IJob, type IJobRun, type IProject, type IRun } from '../api';
import { EVENT_SCHEMA, Live } from '../live';
import { Options } from '../options';
import { ProjectModel } from '../project';
import type { IContext } from '../tokens';

export const trans = nullTranslator.load('mlops_nb');

export interface IRequest {
  method: string;
  route: string;
  query: Record<string, string>;
  body: unknown;
}

type Answer = Response | Promise<Response>;

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}

export function refusal(
  status: number,
  type: string,
  message: string,
  hint = ''
): Response {
  return json({ error: { type, message, hint } }, status);
}

export class FakeServer {
  readonly requests: IRequest[] = [];
  /** The answer of each route; a route without one is unknown to the server. */
  readonly answers = new Map<string, (request: IRequest) => Answer>();
  isAway = false;

  readonly settings = ServerConnection.makeSettings({
    baseUrl: 'http://localhost/user/ada/',
    fetch: async input => {
      const request = input as Request;
      const url = new URL(request.url);
      const text = await request.text();
      const [, route] = url.pathname.split('/user/ada/mlops/');
      const asked = {
        method: request.method,
        route,
        query: Object.fromEntries(
          [...url.searchParams].filter(([name]) => !/^\d+$/.test(name))
        ),
        body: text ? (JSON.parse(text) as unknown) : null
      };
      this.requests.push(asked);
      if (this.isAway) {
        throw new TypeError('Failed to fetch');
      }
      const answer = this.answers.get(route);
      return answer
        ? answer(asked)
        : new Response('Not Found', { status: 404 });
    }
  });

  readonly api = new Api(this.settings, trans);

  on(route: string, body: unknown): this {
    this.answers.set(route, () => json(body));
    return this;
  }

  asked(route: string): IRequest[] {
    return this.requests.filter(request => request.route === route);
  }
}

/** What a tab works with, on a fake server that has a project. */
export function setUp(server: FakeServer = new FakeServer()) {
  if (!server.answers.has('project')) {
    server.on('project', project());
  }
  const events = new Signal<Event.IManager, Event.Emission>({} as never);
  const live = new Live(server.api, events as unknown as Event.Stream, 30);
  const model = new ProjectModel(server.api, live);
  const context: IContext = {
    api: server.api,
    live,
    project: model,
    options: new Options(),
    commands: new CommandRegistry(),
    trans
  };
  const happen = (what: string, root = '/home/ada/credit') => {
    events.emit({ schema_id: EVENT_SCHEMA, project: root, what });
  };
  return { server, context, live, project: model, happen, events };
}

/** Let promises that wait for nothing but each other settle. */
export async function settle(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 0));
  await new Promise(resolve => setTimeout(resolve, 0));
}

export function project(part: Partial<IProject> = {}): IProject {
  return {
    name: 'credit',
    root: '/home/ada/credit',
    path: 'credit',
    scheduler: true,
    version: '0.1.0',
    ...part
  };
}

export function run(part: Partial<IRun> = {}): IRun {
  return {
    run_id: '0a1b',
    parent_id: null,
    name: 'train',
    status: 'FINISHED',
    reason: null,
    notebook: '/home/ada/credit/train.ipynb',
    started_at: new Date(Date.now() - 3 * 60_000).toISOString(),
    ended_at: null,
    experiment: 'credit',
    params: {},
    metrics: {},
    tags: {},
    ...part
  };
}

export function jobRun(part: Partial<IJobRun> = {}): IJobRun {
  return {
    id: 'retrain@2026-12-01T05:00:00.000Z',
    job: 'retrain',
    due_at: '2026-12-01T05:00:00.000Z',
    trigger: 'schedule',
    status: 'FINISHED',
    reason: null,
    run_id: '0a1b',
    gate: 'pass',
    model: { name: 'credit', version: 3, alias: 'champion' },
    started_at: '2026-12-01T05:00:01.000Z',
    ended_at: '2026-12-01T05:02:00.000Z',
    ...part
  };
}

export function job(part: Partial<IJob> = {}): IJob {
  return {
    name: 'retrain',
    notebook: '/home/ada/credit/train.ipynb',
    cron: '0 6 1 * *',
    timezone: 'Europe/Berlin',
    paused: false,
    schedule: 'At 06:00 on the first day of every month',
    next_at: new Date(Date.now() + 49 * 3_600_000).toISOString(),
    last: null,
    ...part
  };
}
