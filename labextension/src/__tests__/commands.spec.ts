import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { SCHEDULE, SHOW, SHOW_JOB } from '../commands';
import { detailsPlugin } from '../details';
import { schedulePlugin } from '../schedule';
import type { ISidebar } from '../tokens';
import { FakeServer, json, run, settle, setUp } from './fakes';

const dialogs = () => [...document.querySelectorAll('.jp-Dialog')];
const press = async (selector: string) => {
  document.querySelector<HTMLElement>(`.jp-Dialog ${selector}`)?.click();
  await settle();
};

afterEach(async () => {
  for (const dialog of dialogs()) {
    // The first one gives up.
    dialog.querySelector<HTMLElement>('.jp-Dialog-footer button')?.click();
  }
  await settle();
});

function start(server = new FakeServer()) {
  const world = setUp(server);
  const added: { widget: Widget; area: string }[] = [];
  const app = {
    commands: world.context.commands,
    serviceManager: {
      contents: {
        driveName: (path: string) => (path.includes(':') ? 'S3' : ''),
        localPath: (path: string) => path
      }
    },
    shell: {
      currentWidget: null as object | null,
      currentChanged: new Signal<unknown, unknown>({}),
      activateById: vi.fn(),
      add: (widget: Widget, area: string) => {
        added.push({ widget, area });
        widget.parent = area === 'main' ? new Widget() : null;
      }
    }
  };
  const palette = { addItem: vi.fn() };
  const sidebar = { ...world.context, addTab: vi.fn(), showTab: vi.fn() };
  return {
    ...world,
    added,
    app,
    asApp: app as unknown as JupyterFrontEnd,
    palette,
    sidebar: sidebar as unknown as ISidebar
  };
}

describe('scheduling', () => {
  function open(options: {
    language?: string;
    path?: string;
    dirty?: boolean;
  }) {
    const world = start();
    world.server.on('jobs/next', []);
    const model = { dirty: options.dirty ?? false };
    const panel = {
      content: {
        model: { defaultKernelLanguage: options.language ?? 'python' }
      },
      context: {
        path: options.path ?? 'credit/train.ipynb',
        contentsModel: {},
        model,
        save: vi.fn(() => {
          model.dirty = false;
          return Promise.resolve();
        })
      },
      sessionContext: { kernelChanged: new Signal<unknown, unknown>({}) }
    };
    world.app.shell.currentWidget = panel;
    const notebooks = {
      currentWidget: panel,
      currentChanged: new Signal<unknown, unknown>({})
    };
    void schedulePlugin.activate(
      world.asApp,
      world.sidebar,
      notebooks,
      world.palette
    );
    return { ...world, panel };
  }

  it.each([
    ['a Python notebook', {}, true],
    ['a notebook whose language is not known yet', { language: '' }, true],
    ['another language', { language: 'R' }, false],
    ['a notebook that is not on the server', { path: 'S3:train.ipynb' }, false]
  ])('for %s is %j', (_, options, isEnabled) => {
    const { context } = open(options);
    expect(context.commands.isEnabled(SCHEDULE)).toBe(isEnabled);
  });

  it('opens the form of the notebook in front', async () => {
    const { context } = open({});
    void context.commands.execute(SCHEDULE);
    await settle();
    await vi.waitFor(() => {
      expect(dialogs()[0].textContent).toContain('Schedule this notebook');
      expect(dialogs()[0].textContent).toContain('credit/train.ipynb');
    });
  });

  it('of what is not saved asks to save it first', async () => {
    const { context, panel } = open({ dirty: true });
    void context.commands.execute(SCHEDULE);
    await settle();
    expect(dialogs()[0].textContent).toContain('Save the notebook first?');
    await press('.jp-mod-reject');
    expect(panel.context.save).not.toHaveBeenCalled();
    expect(dialogs()).toEqual([]);

    void context.commands.execute(SCHEDULE);
    await settle();
    await press('.jp-mod-accept');
    await settle();
    expect(panel.context.save).toHaveBeenCalledOnce();
    await vi.waitFor(() => {
      expect(dialogs()[0].textContent).toContain('Schedule this notebook');
    });
  });

  it('has a button that a setting hides', () => {
    const { context } = open({});
    expect(context.commands.isVisible(SCHEDULE, { toolbar: true })).toBe(true);
    context.options.follow({
      changed: new Signal({}),
      composite: { showSchedule: false }
    } as never);
    expect(context.commands.isVisible(SCHEDULE, { toolbar: true })).toBe(false);
    expect(context.commands.isVisible(SCHEDULE)).toBe(true);
  });
});

describe('details', () => {
  function open(server?: FakeServer) {
    const world = start(server);
    void detailsPlugin.activate(
      world.asApp,
      world.sidebar,
      null,
      null,
      world.palette
    );
    return world;
  }

  it('open in the main area, once for each run', async () => {
    const { context, added, app } = open();
    const args = { run: '0a1b', path: 'credit', name: 'train' };
    await context.commands.execute(SHOW, args);
    await context.commands.execute(SHOW, args);
    await context.commands.execute(SHOW_JOB, {
      job: 'retrain',
      path: 'credit'
    });
    expect(added.map(({ widget, area }) => [area, widget.title.label])).toEqual(
      [
        ['main', 'Run train'],
        ['main', 'Job retrain']
      ]
    );
    expect(app.shell.activateById).toHaveBeenCalledTimes(3);
  });

  it('open below where the main area takes nothing', async () => {
    const { context, added, app } = open();
    app.shell.add = (widget, area) => {
      added.push({ widget, area });
    };
    await context.commands.execute(SHOW, { run: '0a1b' });
    expect(added.map(({ area }) => area)).toEqual(['main', 'down']);
  });

  it('are asked for where the command was not told which', async () => {
    const server = new FakeServer().on('runs', [
      run({ run_id: 'b', name: 'newer' }),
      run({ run_id: 'a', name: 'older' })
    ]);
    const { context, added } = open(server);
    void context.commands.execute(SHOW);
    await settle();
    expect(
      [...document.querySelectorAll('.jp-Dialog option')].map(
        option => option.textContent.split(',')[0]
      )
    ).toEqual(['newer', 'older']);
    await press('.jp-mod-accept');
    await settle();
    expect(added[0].widget.title.label).toBe('Run newer');
  });

  it('say why nothing can be chosen', async () => {
    const server = new FakeServer();
    server.answers.set('runs', () =>
      json({ error: { type: 'LockedError', message: 'it is locked' } }, 503)
    );
    const { context } = open(server);
    void context.commands.execute(SHOW);
    await settle();
    expect(dialogs()[0].textContent).toContain('it is locked');
  });
});
