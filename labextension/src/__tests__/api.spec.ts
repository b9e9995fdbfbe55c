import { describe, expect, it, vi } from 'vitest';

import { ServerConnection } from '@jupyterlab/services';

import { Api, ApiError } from '../api';
import { FakeServer, json, refusal, trans } from './fakes';

async function errorOf(promise: Promise<unknown>): Promise<ApiError> {
  const reason = await promise.then(
    () => null,
    (error: unknown) => error
  );
  expect(reason).toBeInstanceOf(ApiError);
  return reason as ApiError;
}

describe('a request', () => {
  it('goes to the base URL, with what is known as its query', async () => {
    const server = new FakeServer().on('runs', []);
    await server.api.runs('a folder/ü&.ipynb', { limit: 5 });
    expect(server.requests).toEqual([
      {
        method: 'GET',
        route: 'runs',
        query: { path: 'a folder/ü&.ipynb', limit: '5' },
        body: null
      }
    ]);
  });

  it('that changes something is a POST with a body; the path stays in the query', async () => {
    const server = new FakeServer().on('jobs/pause', {});
    await server.api.pauseJob('', 'retrain');
    expect(server.requests).toEqual([
      {
        method: 'POST',
        route: 'jobs/pause',
        query: { path: '' },
        body: { job: 'retrain' }
      }
    ]);
  });

  it('takes 202 for an answer', async () => {
    const server = new FakeServer();
    server.answers.set('jobs/run', () => json({ id: 'retrain@now' }, 202));
    expect(await server.api.runJob('', 'retrain')).toEqual({
      id: 'retrain@now'
    });
  });

  it('asks for the panels as HTML', async () => {
    const server = new FakeServer()
      .on('show', { html: '<p>run</p>' })
      .on('jobs/show', { html: '<p>job</p>' });
    expect(await server.api.runPanel('p', 'r')).toBe('<p>run</p>');
    expect(await server.api.jobPanel('p', 'j')).toBe('<p>job</p>');
    expect(server.requests.map(({ query }) => query)).toEqual([
      { path: 'p', run: 'r', as: 'html' },
      { path: 'p', job: 'j', as: 'html' }
    ]);
  });
});

describe('an error', () => {
  it('of ours keeps its type, message, hint and status', async () => {
    const server = new FakeServer();
    server.answers.set('jobs/list', () =>
      refusal(404, 'NotFoundError', 'there is no folder', 'open another')
    );
    const error = await errorOf(server.api.jobs('gone'));
    expect(error).toMatchObject({
      type: 'NotFoundError',
      message: 'there is no folder',
      hint: 'open another',
      status: 404,
      isNotFound: true,
      isExtensionMissing: false,
      isOffline: false
    });
  });

  it.each([
    ['a page', new Response('<html>404</html>', { status: 404 })],
    ['JSON of Jupyter', json({ message: 'Not Found', reason: null }, 404)],
    ['a page for everything', new Response('<html></html>')]
  ])(
    'of a server without the extension (%s) says how to enable it',
    async (_, answer) => {
      const server = new FakeServer();
      server.answers.set('project', () => answer.clone());
      const error = await errorOf(server.api.project(''));
      expect(error.isExtensionMissing).toBe(true);
      expect(error.isNotFound).toBe(false);
      expect(error.hint).toContain(
        '`jupyter server extension enable mlops_nb`'
      );
    }
  );

  it.each([
    [403, 'Forbidden', /sign in/],
    [500, 'Unhandled error', /log/]
  ])(
    'of Jupyter with status %i shows what it said',
    async (status, message, hint) => {
      const server = new FakeServer();
      server.answers.set('project', () => json({ message }, status));
      const error = await errorOf(server.api.project(''));
      expect(error).toMatchObject({ message, status });
      expect(error.hint).toMatch(hint);
      expect(error.isExtensionMissing || error.isOffline).toBe(false);
    }
  );
});

it('knows whether the server answers, and says when that changes', async () => {
  const server = new FakeServer().on('runs', []);
  const changed = vi.fn();
  server.api.onlineChanged.connect((_, isOnline) => {
    changed(isOnline);
  });
  server.isAway = true;
  const error = await errorOf(server.api.runs('', { limit: 1 }));
  expect(error.isOffline).toBe(true);
  expect(server.api.isOnline).toBe(false);
  await errorOf(server.api.runs('', { limit: 1 }));
  server.isAway = false;
  await server.api.runs('', { limit: 1 });
  expect(changed.mock.calls).toEqual([[false], [true]]);
});

it('gives up a request that is never answered', async () => {
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://localhost/',
    fetch: input =>
      new Promise((_, reject) => {
        const { signal } = input as Request;
        signal.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
      })
  });
  const api = new Api(settings, trans, 20);
  const error = await errorOf(api.runs('', { limit: 1 }));
  expect(error.isOffline).toBe(true);
  expect(api.isOnline).toBe(false);
});
