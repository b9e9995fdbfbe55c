import type { JupyterFrontEnd } from '@jupyterlab/application';
import { YNotebook } from '@jupyter/ydoc';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { describe, expect, it, vi } from 'vitest';

import {
  addTracking,
  findTracking,
  hasPackage,
  placeForTracking,
  TRACK,
  TRACK_SOURCE,
  trackPlugin
} from '../track';

const code = (source: string, ...tags: string[]) => ({
  type: 'code',
  source,
  tags
});

/** A real shared notebook, as JupyterLab keeps it. */
function notebookOf(
  ...cells: { source: string; tags?: unknown; type?: 'code' | 'markdown' }[]
): YNotebook {
  const notebook = YNotebook.create();
  cells.forEach(({ source, tags, type }, index) =>
    notebook.insertCell(index, {
      cell_type: type ?? 'code',
      source,
      metadata: tags === undefined ? {} : { tags: tags as string[] }
    })
  );
  notebook.clearUndoHistory();
  return notebook;
}

const sources = (notebook: YNotebook) =>
  notebook.cells.map(cell => cell.getSource());

describe('findTracking', () => {
  it.each([
    '%mlops track',
    '%load_ext mlops_nb\n%mlops track',
    '%mlops  track "wider trees"',
    '  %mlops track stopover'
  ])('finds %j', source => {
    expect(findTracking([code('import this'), code(source)])).toBe(1);
  });

  it.each([
    '%mlops track stop',
    '%%mlops track "one cell"\nfit()',
    '# %mlops track',
    '%mlops tracked',
    'text = "%mlops track"',
    '%load_ext mlops_nb'
  ])('does not take %j for it', source => {
    expect(findTracking([code(source)])).toBe(-1);
  });

  it('reads code cells only', () => {
    expect(
      findTracking([{ type: 'markdown', source: '%mlops track', tags: [] }])
    ).toBe(-1);
  });
});

describe('placeForTracking', () => {
  it('is the top', () => {
    expect(placeForTracking([])).toBe(0);
    expect(placeForTracking([code('import this')])).toBe(0);
  });

  it('is below the last cell of parameters', () => {
    expect(
      placeForTracking([
        code('import this'),
        code('months = 1', 'hide', 'parameters'),
        code('months = 2', 'injected-parameters'),
        code('fit()')
      ])
    ).toBe(3);
  });
});

describe('addTracking', () => {
  it('adds one cell on top, and one undo takes it back', () => {
    const notebook = notebookOf({ source: 'fit()' });
    expect(addTracking(notebook)).toBe(0);
    expect(sources(notebook)).toEqual([TRACK_SOURCE, 'fit()']);
    notebook.undo();
    expect(sources(notebook)).toEqual(['fit()']);
  });

  it('adds it below the parameters, and never twice', () => {
    const notebook = notebookOf(
      { source: '# Title', type: 'markdown' },
      { source: 'months = 1', tags: ['parameters'] },
      { source: 'fit()' }
    );
    expect(addTracking(notebook)).toBe(2);
    expect(addTracking(notebook)).toBe(2);
    expect(sources(notebook)).toEqual([
      '# Title',
      'months = 1',
      TRACK_SOURCE,
      'fit()'
    ]);
  });

  it('survives tags that are no list of text', () => {
    expect(addTracking(notebookOf({ source: '', tags: 'parameters' }))).toBe(0);
    expect(addTracking(notebookOf({ source: '', tags: [7, null] }))).toBe(0);
  });
});

describe('the command', () => {
  function start(notebook: YNotebook, options: Record<string, unknown> = {}) {
    const panel = {
      content: {
        model: {
          sharedModel: notebook,
          readOnly: false,
          defaultKernelLanguage: 'python',
          ...options
        },
        activeCellIndex: 5,
        mode: 'edit',
        widgets: notebook.cells,
        deselectAll: vi.fn(),
        scrollToCell: vi.fn()
      },
      sessionContext: { session: null }
    };
    const tracker = {
      currentWidget: panel,
      currentChanged: new Signal<unknown, void>({})
    };
    const app = {
      commands: new CommandRegistry(),
      shell: { currentWidget: panel as object }
    };
    const palette = { addItem: vi.fn() };
    const activate = (notebooks: typeof tracker | null = tracker) =>
      trackPlugin.activate(
        app as unknown as JupyterFrontEnd,
        notebooks,
        palette,
        null
      );
    return { activate, app, palette, panel, tracker };
  }

  it('tracks the notebook in front and shows the cell', async () => {
    const notebook = notebookOf({ source: 'fit()' });
    const { activate, app, palette, panel } = start(notebook);
    void activate();
    expect(palette.addItem).toHaveBeenCalledWith({
      command: TRACK,
      category: 'MLOps'
    });
    expect(app.commands.label(TRACK)).toBe('Track this notebook');

    await app.commands.execute(TRACK);
    expect(sources(notebook)).toEqual([TRACK_SOURCE, 'fit()']);
    expect(panel.content.activeCellIndex).toBe(0);
    expect(panel.content.mode).toBe('command');
    expect(panel.content.scrollToCell).toHaveBeenCalledOnce();
  });

  it.each([
    ['a read-only notebook', { readOnly: true }],
    ['another language', { defaultKernelLanguage: 'julia' }]
  ])('is off for %s', (_, options) => {
    const notebook = notebookOf({ source: 'fit()' });
    const { activate, app } = start(notebook, options);
    void activate();
    expect(app.commands.isEnabled(TRACK)).toBe(false);
  });

  it('is on where the language is not known yet', () => {
    const { activate, app } = start(notebookOf(), {
      defaultKernelLanguage: ''
    });
    void activate();
    expect(app.commands.isEnabled(TRACK)).toBe(true);
  });

  it('is off while something else is in front, and says when that changes', () => {
    const { activate, app, tracker } = start(notebookOf());
    void activate();
    app.shell.currentWidget = { title: 'a terminal' };
    expect(app.commands.isEnabled(TRACK)).toBe(false);

    const changed = vi.fn();
    app.commands.commandChanged.connect((_, { id }) => {
      changed(id);
    });
    tracker.currentChanged.emit(undefined);
    expect(changed).toHaveBeenCalledWith(TRACK);
  });

  it('is absent in a front end without notebooks', () => {
    const { activate, app } = start(notebookOf());
    void activate(null);
    expect(app.commands.hasCommand(TRACK)).toBe(false);
  });
});

describe('hasPackage', () => {
  const answering = (user_expressions: unknown) => ({
    requestExecute: vi.fn(() => ({
      done: Promise.resolve({ content: { status: 'ok', user_expressions } })
    }))
  });
  const said = (text: string) => ({
    found: { status: 'ok', data: { 'text/plain': text } }
  });

  it.each([
    [said('True'), true],
    [said('False'), false],
    [{ found: { status: 'error', ename: 'NameError' } }, null],
    [undefined, null]
  ])('reads %j as %j', async (answer, expected) => {
    const kernel = answering(answer);
    expect(await hasPackage(kernel as never)).toBe(expected);
    const [{ silent, store_history }] = kernel.requestExecute.mock
      .calls[0] as never as [{ silent: boolean; store_history: boolean }];
    expect([silent, store_history]).toEqual([true, false]);
  });
});
