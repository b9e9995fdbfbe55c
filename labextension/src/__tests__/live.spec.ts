import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { IChange } from '../live';
import { FakeServer, setUp } from './fakes';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function start() {
  const world = setUp();
  const heard: IChange[] = [];
  world.live.changed.connect((_, change) => {
    heard.push(change);
  });
  return { ...world, heard };
}

const anything = { project: null, what: null };

describe('an event', () => {
  it('is passed on while someone watches', () => {
    const { live, happen, heard } = start();
    const watch = live.watch();
    heard.length = 0;
    happen('runs', '/a');
    happen('jobs', '/b');
    expect(heard).toEqual([
      { project: '/a', what: 'runs' },
      { project: '/b', what: 'jobs' }
    ]);
    watch.dispose();
    happen('runs');
    expect(heard).toHaveLength(2);
  });

  it('of something else is passed over', () => {
    const { live, events, heard } = start();
    live.watch();
    heard.length = 0;
    events.emit({ schema_id: 'https://example.org/other', what: 'runs' });
    expect(heard).toEqual([]);
  });
});

describe('the poll', () => {
  it('looks when watching begins, and then every interval', async () => {
    const { live, heard } = start();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(heard).toEqual([]);
    live.watch();
    live.watch();
    expect(heard).toEqual([anything]);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(heard).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(heard).toHaveLength(2);
  });

  it('follows the setting', async () => {
    const { live, heard } = start();
    live.watch();
    live.interval_s = 300;
    heard.length = 0;
    await vi.advanceTimersByTimeAsync(299_000);
    expect(heard).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(heard).toEqual([anything]);
  });

  it('tries often while the server is away, and looks at once when it is back', async () => {
    const { server, live, heard } = start();
    server.on('runs', []);
    live.watch();
    server.isAway = true;
    await server.api.runs('', { limit: 1 }).catch(() => {});
    heard.length = 0;
    await vi.advanceTimersByTimeAsync(5_500);
    expect(heard).toEqual([anything]);
    server.isAway = false;
    await server.api.runs('', { limit: 1 });
    expect(heard).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(heard).toHaveLength(2);
  });
});

it('looks again when a hidden page is shown', () => {
  const { live, heard } = start();
  const isHidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
  live.watch();
  heard.length = 0;
  document.dispatchEvent(new Event('visibilitychange'));
  expect(heard).toEqual([]);
  isHidden.mockReturnValue(false);
  document.dispatchEvent(new Event('visibilitychange'));
  expect(heard).toEqual([anything]);
  live.dispose();
  document.dispatchEvent(new Event('visibilitychange'));
  expect(heard).toHaveLength(1);
});

it('runs without a stream of events', () => {
  expect(() => setUp(new FakeServer())).not.toThrow();
});
