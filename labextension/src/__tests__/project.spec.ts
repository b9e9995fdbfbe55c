import type { IStateDB } from '@jupyterlab/statedb';
import { describe, expect, it } from 'vitest';

import { ProjectModel } from '../project';
import { FakeServer, json, project, refusal, settle, setUp } from './fakes';

/** A server whose projects are the first parts of the paths. */
function projects() {
  const server = new FakeServer();
  server.answers.set('project', ({ query }) => {
    const [name] = query.path.split('/');
    return json(project({ name, root: `/home/ada/${name}`, path: name }));
  });
  return server;
}

describe('following', () => {
  it('asks for each new path once', async () => {
    const { server, project } = setUp(projects());
    project.follow('credit/train.ipynb');
    project.follow('credit/train.ipynb');
    await settle();
    expect(server.asked('project').map(({ query }) => query)).toEqual([
      { path: 'credit/train.ipynb' }
    ]);
    expect(project.facts?.name).toBe('credit');
    expect(project.path).toBe('credit');
  });

  it('drops the late answer to an earlier question', async () => {
    const server = new FakeServer();
    const waiting: ((answer: Response) => void)[] = [];
    server.answers.set(
      'project',
      () => new Promise<Response>(resolve => waiting.push(resolve))
    );
    const { project: model } = setUp(server);
    model.follow('a');
    model.follow('b');
    await settle();
    waiting[1](json(project({ name: 'b' })));
    await settle();
    waiting[0](json(project({ name: 'a' })));
    await settle();
    expect(model.facts?.name).toBe('b');
  });

  it('keeps the path that was asked where the root is outside of the server', async () => {
    const server = new FakeServer().on('project', project({ path: null }));
    const { project: model } = setUp(server);
    model.follow('train.ipynb');
    await settle();
    expect(model.path).toBe('train.ipynb');
  });
});

describe('trouble', () => {
  it('keeps what is known while the server is away', async () => {
    const { server, project } = setUp(projects());
    project.follow('credit');
    await settle();
    server.isAway = true;
    await project.refresh();
    expect(project.facts?.name).toBe('credit');
    expect(project.error?.isOffline).toBe(true);
    server.isAway = false;
    await project.refresh();
    expect(project.error).toBeNull();
  });

  it('forgets a project that vanished', async () => {
    const { server, project } = setUp(projects());
    project.follow('credit');
    await settle();
    server.answers.set('project', () =>
      refusal(404, 'NotFoundError', 'no such folder')
    );
    await project.refresh();
    expect(project.facts).toBeNull();
    expect(project.error?.message).toBe('no such folder');
  });
});

describe('pinning', () => {
  it('stays while something else comes in front, until told to follow again', async () => {
    const { project } = setUp(projects());
    project.follow('credit/train.ipynb');
    await settle();
    project.follow('flights/eda.ipynb');
    await settle();
    expect(project.visited.map(({ name }) => name)).toEqual([
      'flights',
      'credit'
    ]);

    project.pin('/home/ada/credit');
    await settle();
    project.follow('other');
    await settle();
    expect(project.facts?.name).toBe('credit');

    project.pin(null);
    await settle();
    expect(project.facts?.name).toBe('other');
  });

  it('is remembered', async () => {
    const kept = new Map<string, unknown>();
    const state = {
      fetch: (id: string) => Promise.resolve(kept.get(id)),
      save: (id: string, value: unknown) => {
        kept.set(id, value);
        return Promise.resolve();
      }
    } as unknown as IStateDB;
    const { server, live } = setUp(projects());
    const before = new ProjectModel(server.api, live, state);
    before.follow('credit');
    await settle();
    before.pin('/home/ada/credit');

    const after = new ProjectModel(server.api, live, state);
    await after.restore();
    after.follow('flights');
    await after.refresh();
    expect(after.pinned?.name).toBe('credit');
    expect(after.facts?.name).toBe('credit');
  });
});

it('asks again when jobs may have changed, for the scheduler', async () => {
  const { server, live, project, happen } = setUp(projects());
  project.follow('credit');
  live.watch();
  await settle();
  const before = server.asked('project').length;
  happen('runs');
  await settle();
  expect(server.asked('project')).toHaveLength(before);
  happen('jobs');
  await settle();
  expect(server.asked('project')).toHaveLength(before + 1);
});
