import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { describe, expect, it, vi } from 'vitest';

import type { RunStatus } from '../api';
import { OPEN_EXECUTED, OPEN_REPORT, SHOW, TRACK } from '../commands';
import { Feed } from '../feed';
import { Runs } from '../tabs/runs';
import { FakeServer, refusal, run, settle, setUp } from './fakes';

async function show(server: FakeServer) {
  const world = setUp(server);
  const { commands } = world.context;
  const opened = vi.fn();
  for (const command of [SHOW, OPEN_EXECUTED, OPEN_REPORT]) {
    commands.addCommand(command, {
      execute: args => {
        opened(command, args);
      }
    });
  }
  let filter: RunStatus | undefined;
  const feed = new Feed(world.project, world.live, 'runs', path =>
    server.api.runs(path, { limit: 10, status: filter })
  );
  render(
    <Runs
      context={world.context}
      feed={feed}
      onFilter={status => {
        filter = status;
        void feed.refresh();
      }}
    />
  );
  world.project.follow('credit');
  world.live.watch();
  await act(settle);
  return { ...world, feed, opened };
}

const three = () => [
  run({
    run_id: 'c',
    name: 'newest',
    status: 'FAILED',
    reason: 'ValueError: NaN',
    metrics: { auc: 0.779213, loss: 'NaN' },
    tags: { 'mlops.output_notebook': '/x/train.ipynb' }
  }),
  run({ run_id: 'b', name: 'middle', status: 'LOST' }),
  run({ run_id: 'a', name: 'oldest' })
];

describe('a run', () => {
  it('is shown with status in words, time and metrics', async () => {
    await show(new FakeServer().on('runs', three()));
    const [row] = screen.getAllByRole('listitem');
    expect(row.textContent).toContain('newest');
    expect(row.textContent).toContain('Failed');
    expect(row.textContent).toContain('3 minutes ago');
    expect(row.textContent).toContain('auc0.7792');
    expect(row.textContent).toContain('lossNaN');
    expect(screen.getByTitle('ValueError: NaN')).toBeDefined();
  });

  it('opens its details, and its executed notebook where there is one', async () => {
    const { opened } = await show(new FakeServer().on('runs', three()));
    await userEvent.click(screen.getByRole('button', { name: 'newest' }));
    await userEvent.click(
      screen.getByRole('button', { name: /executed notebook of newest/ })
    );
    expect(screen.getAllByRole('button', { name: /executed/ })).toHaveLength(1);
    expect(opened.mock.calls).toEqual([
      [SHOW, { run: 'c', path: 'credit', name: 'newest' }],
      [OPEN_EXECUTED, { run: 'c', path: 'credit', name: 'train.ipynb' }]
    ]);
  });

  it('opens the report of Evidently’s that it keeps', async () => {
    const report = 'mlops/reports/drift-1-evidently.html';
    const kept = run({ tags: { 'mlops.evidently': report } });
    const { opened } = await show(
      new FakeServer().on('runs', [kept, run({ run_id: 'none' })])
    );
    const button = /^Open Evidently’s report of train$/;
    await userEvent.click(screen.getByRole('button', { name: button }));
    expect(opened.mock.calls).toEqual([
      [OPEN_REPORT, { run: kept.run_id, path: 'credit', report }]
    ]);
  });

  it('is said to have ended', async () => {
    const server = new FakeServer().on('runs', [run({ status: 'RUNNING' })]);
    const { happen } = await show(server);
    expect(screen.getByRole('status').textContent).toBe('train: Running');
    server.on('runs', [run()]);
    happen('runs');
    await waitFor(() => {
      expect(screen.getByRole('status').textContent).toBe('train: Finished');
    });
  });
});

describe('the keyboard', () => {
  const focused = () => document.activeElement?.textContent;

  it('has one tab stop in the list and goes through it by arrows', async () => {
    const { opened } = await show(new FakeServer().on('runs', three()));
    const user = userEvent.setup();
    await user.tab(); // the filter
    await user.tab();
    expect(focused()).toBe('newest');
    await user.keyboard('{ArrowDown}');
    expect(focused()).toBe('middle');
    await user.keyboard('{End}');
    expect(focused()).toBe('oldest');
    await user.keyboard('{ArrowDown}');
    expect(focused()).toBe('oldest');
    await user.keyboard('{Home}{ArrowRight}');
    expect(document.activeElement?.getAttribute('aria-label')).toMatch(
      /executed notebook of newest/
    );
    await user.keyboard('{ArrowLeft}{ArrowDown}{Enter}');
    expect(opened).toHaveBeenCalledExactlyOnceWith(
      SHOW,
      expect.objectContaining({ run: 'b' })
    );
    expect(
      screen.getAllByRole('button').filter(button => button.tabIndex === 0)
    ).toHaveLength(1);
    await user.tab();
    expect(document.activeElement).toBe(document.body);
  });

  it('keeps its place when the list is loaded anew', async () => {
    const server = new FakeServer().on('runs', three());
    const { feed } = await show(server);
    screen.getByRole('button', { name: 'middle' }).focus();
    server.on('runs', [run({ run_id: 'd', name: 'even newer' }), ...three()]);
    await act(() => feed.refresh());
    expect(focused()).toBe('middle');
    expect(screen.getByRole('button', { name: 'middle' }).tabIndex).toBe(0);
  });
});

describe('the filter', () => {
  it('asks the server, and says when nothing is left', async () => {
    const server = new FakeServer().on('runs', three());
    await show(server);
    server.on('runs', []);
    await userEvent.selectOptions(screen.getByRole('combobox'), 'KILLED');
    expect(await screen.findByText('No run has this status.')).toBeDefined();
    expect(server.asked('runs').at(-1)?.query.status).toBe('KILLED');
  });
});

it('says what may be out of date, and leaves it there', async () => {
  const server = new FakeServer().on('runs', three());
  const { feed } = await show(server);
  server.answers.set('runs', () => refusal(503, 'LockedError', 'it is locked'));
  await act(() => feed.refresh());
  expect(screen.getByText(/out of date: it is locked/)).toBeDefined();
  expect(screen.getAllByRole('listitem')).toHaveLength(3);
  feed.dispose();
});

describe('without runs', () => {
  it('offers to track the notebook in front', async () => {
    const server = new FakeServer().on('runs', []);
    const { context } = await show(server);
    expect(screen.queryByRole('button')).toBeNull();
    expect(screen.getByText('%mlops track').tagName).toBe('CODE');

    const track = vi.fn();
    act(() => {
      context.commands.addCommand(TRACK, { execute: track });
    });
    await userEvent.click(
      screen.getByRole('button', { name: 'Track this notebook' })
    );
    expect(track).toHaveBeenCalledOnce();
  });

  it('shows what is wrong and the way out, and tries again', async () => {
    const server = new FakeServer();
    server.answers.set('runs', () =>
      refusal(
        503,
        'UnavailableError',
        'the database is locked',
        'end `mlops run`'
      )
    );
    await show(server);
    expect(screen.getByRole('alert').textContent).toContain(
      'the database is locked'
    );
    expect(screen.getByText('mlops run').tagName).toBe('CODE');
    server.on('runs', three());
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findAllByRole('listitem')).toHaveLength(3);
  });

  it('shows that it is loading', async () => {
    const server = new FakeServer();
    server.answers.set('runs', () => new Promise<Response>(() => {}));
    await show(server);
    expect(screen.getByText('Loading…')).toBeDefined();
  });
});
