import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { describe, expect, it, vi } from 'vitest';

import type { JupyterFrontEnd } from '@jupyterlab/application';
import {
  OPEN_EXECUTED,
  PAUSE_JOB,
  REMOVE_JOB,
  RESUME_JOB,
  RUN_JOB,
  SCHEDULE,
  SHOW,
  SHOW_JOB
} from '../commands';
import { Feed } from '../feed';
import { jobCommandsPlugin } from '../jobcommands';
import { Jobs, schedulerOf } from '../tabs/jobs';
import {
  FakeServer,
  job,
  jobRun,
  project,
  refusal,
  settle,
  setUp
} from './fakes';

async function show(server: FakeServer) {
  const world = setUp(server);
  const { commands } = world.context;
  const executed = vi.fn();
  for (const command of [SHOW, SHOW_JOB, OPEN_EXECUTED]) {
    commands.addCommand(command, {
      execute: args => {
        executed(command, args);
      }
    });
  }
  void jobCommandsPlugin.activate(
    { commands } as unknown as JupyterFrontEnd,
    world.context,
    null
  );
  const feed = new Feed(world.project, world.live, 'jobs', path =>
    server.api.jobs(path)
  );
  render(<Jobs context={world.context} feed={feed} />);
  world.project.follow('credit');
  world.live.watch();
  await act(settle);
  return { ...world, feed, executed };
}

const button = (name: string | RegExp) => screen.getByRole('button', { name });

describe('a job', () => {
  it('shows its schedule, the next and the last time, and the verdict', async () => {
    await show(new FakeServer().on('jobs/list', [job({ last: jobRun() })]));
    const row = screen.getByRole('listitem');
    expect(row.textContent).toContain('At 06:00 on the first day');
    expect(row.textContent).toContain('in 2 days');
    expect(row.textContent).toContain('Finished');
    expect(row.textContent).toContain('Gate passed');
    expect(row.textContent).toContain('credit 3 (champion)');
    const [next] = within(row).getAllByTitle(/GMT\+1|GMT\+2|CET|CEST/);
    expect(next.tagName).toBe('TIME');
  });

  it('that is paused says so, has no next time, and can be resumed', async () => {
    const server = new FakeServer()
      .on('jobs/list', [job({ paused: true })])
      .on('jobs/resume', job());
    await show(server);
    const row = screen.getByRole('listitem');
    expect(row.textContent).toContain('Paused');
    expect(row.textContent).not.toContain('Next');
    expect(screen.queryByRole('button', { name: 'Pause retrain' })).toBeNull();
    server.on('jobs/list', [job()]);
    await userEvent.click(button('Resume retrain'));
    await act(settle);
    expect(server.asked('jobs/resume')[0].body).toEqual({ job: 'retrain' });
    expect(button('Pause retrain')).toBeDefined();
  });

  it('runs now', async () => {
    const server = new FakeServer()
      .on('jobs/list', [job()])
      .on('jobs/run', jobRun({ status: 'RUNNING' }));
    await show(server);
    await userEvent.click(button('Run retrain now'));
    expect(server.asked('jobs/run')[0]).toMatchObject({
      method: 'POST',
      query: { path: 'credit' },
      body: { job: 'retrain' }
    });
  });

  it('opens its details, those of its last run, and what that executed', async () => {
    const { executed } = await show(
      new FakeServer().on('jobs/list', [job({ last: jobRun() })])
    );
    await userEvent.click(button('retrain'));
    await userEvent.click(button('Open the details of run 0a1b'));
    await userEvent.click(button('Open the executed notebook of run 0a1b'));
    expect(executed.mock.calls).toEqual([
      [SHOW_JOB, { job: 'retrain', path: 'credit' }],
      [SHOW, { run: '0a1b', path: 'credit', name: 'retrain' }],
      [OPEN_EXECUTED, { run: '0a1b', path: 'credit', name: 'train.ipynb' }]
    ]);
  });

  it('unfolds its history', async () => {
    const server = new FakeServer()
      .on('jobs/list', [job()])
      .on('jobs/history', [
        jobRun({ id: '2', status: 'RUNNING', gate: null, model: null }),
        jobRun({ id: '1', status: 'SKIPPED', run_id: null, reason: 'busy' })
      ]);
    const { happen } = await show(server);
    const toggle = button('History of retrain');
    expect(toggle.getAttribute('aria-expanded')).toBe('false');
    await userEvent.click(toggle);
    await act(settle);
    expect(toggle.getAttribute('aria-expanded')).toBe('true');
    const history = screen.getByRole('list', { name: /latest executions/ });
    expect(history.textContent).toContain('Running');
    expect(history.textContent).toContain('Skipped');
    expect(history.textContent).toContain('busy');
    server.on('jobs/history', [jobRun()]);
    happen('jobs');
    await act(settle);
    expect(history.textContent).not.toContain('Running');
  });
});

describe('removing a job', () => {
  const dialog = () => document.querySelector('.jp-Dialog');
  const press = async (selector: string) => {
    await userEvent.click(dialog()?.querySelector(selector) as Element);
    await act(settle);
  };

  it('asks first', async () => {
    const server = new FakeServer()
      .on('jobs/list', [job()])
      .on('jobs/remove', job());
    await show(server);
    await userEvent.click(button('Remove retrain'));
    expect(dialog()?.textContent).toContain('Remove the job retrain?');
    await press('.jp-mod-reject');
    expect(server.asked('jobs/remove')).toEqual([]);

    await userEvent.click(button('Remove retrain'));
    await press('.jp-mod-warn');
    expect(server.asked('jobs/remove')[0].body).toEqual({ job: 'retrain' });
  });
});

describe('the scheduler', () => {
  it('is asked for where there are jobs and none runs', async () => {
    const server = new FakeServer()
      .on('project', project({ scheduler: false }))
      .on('jobs/list', [job()]);
    const { happen } = await show(server);
    expect(screen.getByRole('note').textContent).toContain('mlops scheduler');
    expect(button('Copy the command')).toBeDefined();
    expect(
      screen.queryByRole('button', { name: 'Open a terminal' })
    ).toBeNull();
    server.on('project', project());
    happen('jobs');
    await act(settle);
    expect(screen.queryByRole('note')).toBeNull();
  });

  it('is copied as a command that works in any folder', () => {
    expect(schedulerOf(project({ root: "/home/ada's/a b" }))).toBe(
      "mlops scheduler --project '/home/ada'\\''s/a b'"
    );
  });

  it('opens a terminal in the project where there are terminals', async () => {
    const server = new FakeServer()
      .on('project', project({ scheduler: false }))
      .on('jobs/list', [job()]);
    const world = setUp(server);
    const open = vi.fn();
    world.context.commands.addCommand('terminal:create-new', { execute: open });
    const feed = new Feed(world.project, world.live, 'jobs', path =>
      server.api.jobs(path)
    );
    world.project.follow('credit');
    await settle();
    render(<Jobs context={world.context} feed={feed} />);
    await userEvent.click(button('Open a terminal'));
    expect(open).toHaveBeenCalledWith({ cwd: 'credit' });
  });
});

describe('without jobs', () => {
  it('offers to schedule the notebook in front', async () => {
    const { context } = await show(new FakeServer().on('jobs/list', []));
    expect(screen.getByText('No jobs yet')).toBeDefined();
    const schedule = vi.fn();
    act(() => {
      context.commands.addCommand(SCHEDULE, { execute: schedule });
    });
    await userEvent.click(button('Schedule this notebook…'));
    expect(schedule).toHaveBeenCalledOnce();
  });

  it('shows what is wrong', async () => {
    const server = new FakeServer();
    server.answers.set('jobs/list', () =>
      refusal(503, 'UnavailableError', 'the disk is full')
    );
    await show(server);
    expect(screen.getByRole('alert').textContent).toContain('the disk is full');
  });
});

describe('the commands', () => {
  it('have the names of their verbs', async () => {
    const { context } = await show(new FakeServer().on('jobs/list', []));
    for (const verb of ['run', 'pause', 'resume', 'remove']) {
      expect(context.commands.hasCommand(`mlops:jobs:${verb}`)).toBe(true);
    }
    expect([RUN_JOB, PAUSE_JOB, RESUME_JOB, REMOVE_JOB]).toHaveLength(4);
  });

  it('ask which job where they were not told, of those that fit', async () => {
    const server = new FakeServer()
      .on('jobs/list', [
        job({ name: 'one' }),
        job({ name: 'two', paused: true })
      ])
      .on('jobs/resume', job());
    const { context } = await show(server);
    void context.commands.execute(RESUME_JOB);
    await act(settle);
    const options = [...document.querySelectorAll('.jp-Dialog option')];
    expect(options.map(({ textContent }) => textContent)).toEqual(['two']);
    await userEvent.click(
      document.querySelector('.jp-Dialog .jp-mod-accept') as Element
    );
    await act(settle);
    expect(server.asked('jobs/resume')[0].body).toEqual({ job: 'two' });
  });
});
