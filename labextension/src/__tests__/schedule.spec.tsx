import { act, configure, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ScheduleBody, ScheduleDialog } from '../schedule';
import { FakeServer, job, json, refusal, trans } from './fakes';

const TIMES = [
  { due_at: '2026-12-01T05:00:00.000Z', local: '2026-12-01 06:00 CET' },
  { due_at: '2027-01-01T05:00:00.000Z', local: '2027-01-01 06:00 CET' }
];

let dialog: ScheduleDialog | null = null;
let isLaunched = true;

// jsdom doesn't show a <dialog>.
configure({ defaultHidden: true });

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
});

afterEach(async () => {
  await act(async () => {
    dialog?.reject();
    await vi.advanceTimersByTimeAsync(10);
  });
  vi.useRealTimers();
});

const user = () =>
  userEvent.setup({ advanceTimers: time => vi.advanceTimersByTime(time) });

/** Let the typing pause and the answer come. */
const pause = () =>
  act(async () => {
    await vi.advanceTimersByTimeAsync(400);
  });

async function open(server: FakeServer) {
  const form = new ScheduleBody(server.api, 'credit/train.ipynb', trans);
  const made = new ScheduleDialog(form, trans);
  dialog = made;
  isLaunched = true;
  await act(async () => {
    void made.launch().then(() => {
      isLaunched = false;
    });
    await vi.advanceTimersByTimeAsync(50);
  });
  await pause();
  return made;
}

function fake(): FakeServer {
  const server = new FakeServer().on('jobs/add', job());
  server.answers.set('jobs/next', ({ query }) =>
    query.cron.split(' ').length === 5
      ? json(TIMES)
      : refusal(400, 'InputError', `'${query.cron}' is no cron expression`)
  );
  return server;
}

const ok = () =>
  document.querySelector('.jp-Dialog .jp-mod-accept') as HTMLButtonElement;
const field = (name: RegExp | string) => screen.getByLabelText(name);

describe('the form', () => {
  it('begins with the file’s name, the browser’s zone and the next times', async () => {
    const server = fake();
    await open(server);
    expect(field('Job name')).toHaveProperty('value', 'train');
    expect(field('Time zone')).toHaveProperty(
      'value',
      Intl.DateTimeFormat().resolvedOptions().timeZone
    );
    expect(screen.getByText('2026-12-01 06:00 CET')).toBeDefined();
    expect(server.asked('jobs/next')[0].query).toMatchObject({
      path: 'credit/train.ipynb',
      cron: '0 6 * * *',
      count: '5'
    });
    expect(ok().disabled).toBe(false);
  });

  it('asks for the next times once the typing pauses', async () => {
    const server = fake();
    await open(server);
    const before = server.asked('jobs/next').length;
    await user().selectOptions(field('When'), 'Other times (cron)');
    const cron = field(/Cron expression/);
    await user().clear(cron);
    await user().type(cron, '30 2 * * 1');
    await pause();
    const asked = server.asked('jobs/next').slice(before);
    expect(asked.at(-1)?.query.cron).toBe('30 2 * * 1');
    expect(asked.length).toBeLessThan('30 2 * * 1'.length);
  });

  it('shows what is wrong with a cron expression, and can’t be sent until it is right', async () => {
    await open(fake());
    await user().selectOptions(field('When'), 'Other times (cron)');
    const cron = field(/Cron expression/);
    await user().clear(cron);
    await user().type(cron, '0 6');
    await pause();
    expect(screen.getByText("'0 6' is no cron expression")).toBeDefined();
    expect(cron.getAttribute('aria-invalid')).toBe('true');
    expect(ok().disabled).toBe(true);
    await user().type(cron, ' * * *');
    await pause();
    expect(screen.queryByText(/is no cron expression/)).toBeNull();
    expect(ok().disabled).toBe(false);
  });

  it('shows the times of the latest question, whichever answer comes last', async () => {
    const server = fake();
    await open(server);
    const waiting: ((answer: Response) => void)[] = [];
    server.answers.set(
      'jobs/next',
      () => new Promise<Response>(resolve => waiting.push(resolve))
    );
    await user().selectOptions(field('When'), 'Every hour');
    await pause();
    await user().selectOptions(field('When'), 'Every Monday at 6:00');
    await pause();
    await act(async () => {
      waiting[1](json([{ due_at: '2', local: 'a Monday' }]));
      await vi.advanceTimersByTimeAsync(10);
      waiting[0](json([{ due_at: '1', local: 'an hour' }]));
      await vi.advanceTimersByTimeAsync(10);
    });
    expect(screen.getByText('a Monday')).toBeDefined();
    expect(screen.queryByText('an hour')).toBeNull();
  });
});

describe('sending', () => {
  it('makes the job of what was typed, and closes', async () => {
    const server = fake();
    const made = await open(server);
    const person = user();
    await person.selectOptions(
      field('When'),
      'Every month, on the first at 6:00'
    );
    await person.clear(field('Time zone'));
    await person.type(field('Time zone'), 'Europe/Berlin');
    await person.click(screen.getByRole('button', { name: 'Add a parameter' }));
    await person.type(field('Name of parameter 1'), 'months');
    await person.type(field('Value of parameter 1'), '2');
    await person.click(screen.getByRole('button', { name: 'Add a parameter' }));
    await person.type(field('Name of parameter 2'), 'region');
    await person.type(field('Value of parameter 2'), 'north');
    await person.type(field('Registered model'), 'credit');
    await person.type(field(/Sensitive features/), 'SEX, AGE');
    await pause();
    await person.click(ok());
    await pause();
    expect(server.asked('jobs/add')[0]).toMatchObject({
      query: { path: 'credit/train.ipynb' },
      body: {
        name: 'train',
        notebook: 'credit/train.ipynb',
        cron: '0 6 1 * *',
        timezone: 'Europe/Berlin',
        parameters: { months: 2, region: 'north' },
        model: 'credit',
        data: null,
        label: null,
        sensitive: ['SEX', 'AGE']
      }
    });
    expect(isLaunched).toBe(false);
    expect(made.job?.name).toBe('retrain');
  });

  it('keeps everything when the server refuses', async () => {
    const server = fake();
    server.answers.set('jobs/add', () =>
      refusal(
        400,
        'InputError',
        'there is a job train',
        'use `mlops jobs edit`'
      )
    );
    const made = await open(server);
    const person = user();
    await person.type(field('Job name'), '-2');
    await person.click(ok());
    await pause();
    expect(isLaunched).toBe(true);
    expect(screen.getByRole('alert').textContent).toContain(
      'there is a job train'
    );
    expect(screen.getByText('mlops jobs edit').tagName).toBe('CODE');
    expect(field('Job name')).toHaveProperty('value', 'train-2');

    server.on('jobs/add', job());
    await person.click(ok());
    await pause();
    expect(isLaunched).toBe(false);
    expect(made.job).not.toBeNull();
  });

  it('sends once, however often one presses', async () => {
    const server = fake();
    server.answers.set('jobs/add', () => new Promise<Response>(() => {}));
    await open(server);
    await user().click(ok());
    await user().click(ok());
    await pause();
    expect(server.asked('jobs/add')).toHaveLength(1);
  });

  it('does nothing when it is cancelled', async () => {
    const server = fake();
    const made = await open(server);
    await user().keyboard('{Escape}');
    await pause();
    expect(isLaunched).toBe(false);
    expect(made.job).toBeNull();
    expect(server.asked('jobs/add')).toEqual([]);
  });
});

describe('the keyboard', () => {
  it('sends by Enter in a field, but not on a button of the form', async () => {
    const server = fake();
    await open(server);
    const person = user();
    screen.getByRole('button', { name: 'Add a parameter' }).focus();
    await person.keyboard('{Enter}');
    expect(field('Name of parameter 1')).toBeDefined();
    expect(server.asked('jobs/add')).toEqual([]);
    field('Job name').focus();
    await person.keyboard('{Enter}');
    await pause();
    expect(server.asked('jobs/add')).toHaveLength(1);
  });

  it('cannot send by Enter what is not valid', async () => {
    const server = fake();
    await open(server);
    const person = user();
    await person.clear(field('Job name'));
    await person.keyboard('{Enter}');
    await pause();
    expect(server.asked('jobs/add')).toEqual([]);
  });
});
