import { afterEach, expect, it, vi } from 'vitest';

import { Feed } from '../feed';
import {
  FakeServer,
  json,
  project,
  refusal,
  run,
  settle,
  setUp
} from './fakes';

afterEach(() => {
  vi.useRealTimers();
});

async function start(server = new FakeServer()) {
  if (!server.answers.has('runs')) {
    server.on('runs', [run()]);
  }
  const world = setUp(server);
  const feed = new Feed(world.project, world.live, 'runs', path =>
    server.api.runs(path, { limit: 10 })
  );
  world.project.follow('credit');
  await settle();
  world.live.watch();
  await settle();
  return { ...world, feed, loads: () => server.asked('runs').length };
}

it('loads once the project is known, and again on an event of its own', async () => {
  const { feed, happen, loads } = await start();
  expect(feed.data).toHaveLength(1);
  const before = loads();
  happen('jobs');
  happen('runs', '/home/ada/other');
  await settle();
  expect(loads()).toBe(before);
  happen('runs');
  await settle();
  expect(loads()).toBe(before + 1);
});

it('makes two requests of many events at once', async () => {
  const { happen, loads } = await start();
  const before = loads();
  for (let count = 0; count < 10; count += 1) {
    happen('runs');
  }
  await settle();
  await settle();
  expect(loads()).toBe(before + 2);
});

it('keeps its data while the server is away, and says so', async () => {
  const { server, feed } = await start();
  server.isAway = true;
  await feed.refresh();
  expect(feed.data).toHaveLength(1);
  expect(feed.error?.isOffline).toBe(true);
});

it('shows an error in place of data that may be wrong', async () => {
  const { server, feed } = await start();
  server.answers.set('runs', () => refusal(400, 'InputError', 'bad setting'));
  await feed.refresh();
  expect(feed.data).toBeNull();
  expect(feed.error?.message).toBe('bad setting');
  server.on('runs', []);
  await feed.refresh();
  expect(feed.data).toEqual([]);
  expect(feed.error).toBeNull();
});

it('keeps its data beside what may pass in a moment, and tries again by itself', async () => {
  const { server, feed } = await start();
  vi.useFakeTimers();
  server.answers.set('runs', () => refusal(503, 'LockedError', 'locked'));
  await feed.refresh();
  expect(feed.data).toHaveLength(1);
  expect(feed.error?.message).toBe('locked');
  server.on('runs', []);
  await vi.advanceTimersByTimeAsync(5100);
  vi.useRealTimers();
  expect(feed.data).toEqual([]);
  expect(feed.error).toBeNull();
});

it('never shows the runs of one project under the name of another', async () => {
  const server = new FakeServer();
  const waiting: ((answer: Response) => void)[] = [];
  const { project: model, feed } = await start(server);
  server.answers.set(
    'runs',
    () => new Promise<Response>(resolve => waiting.push(resolve))
  );
  void feed.refresh();
  server.on('project', project({ name: 'flights', root: '/home/ada/flights' }));
  model.follow('flights');
  await settle();
  expect(feed.data).toBeNull();
  waiting[0](json([run({ name: 'of credit' })]));
  await settle();
  expect(feed.data).toBeNull();
  waiting[1](json([run({ name: 'of flights' })]));
  await settle();
  expect(feed.data?.[0].name).toBe('of flights');
});

it('is still after it was disposed', async () => {
  const { feed, happen, loads } = await start();
  feed.dispose();
  const before = loads();
  happen('runs');
  await feed.refresh();
  await settle();
  expect(loads()).toBe(before);
});
