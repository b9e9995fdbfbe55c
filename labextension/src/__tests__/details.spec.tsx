import type { IThemeManager } from '@jupyterlab/apputils';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { act, screen, waitFor } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';

import { Details, detailsId, frameDocument, makeDetails } from '../details';
import { FakeServer, refusal, settle, setUp } from './fakes';

const subject = {
  of: 'run',
  key: '0a1b',
  path: 'credit',
  name: 'train'
} as const;

let shown: Widget | null = null;

afterEach(() => {
  act(() => {
    shown?.dispose();
  });
});

async function show(server: FakeServer) {
  const world = setUp(server);
  const themes = {
    theme: 'JupyterLab Light',
    isLight: (name: string) => name.includes('Light'),
    themeChanged: new Signal<unknown, unknown>({})
  };
  const widget = new Details(
    subject,
    world.context,
    themes as unknown as IThemeManager
  );
  shown = widget;
  await act(async () => {
    Widget.attach(widget, document.body);
    await settle();
  });
  return { ...world, themes, widget };
}

const frame = () => document.querySelector('iframe') as HTMLIFrameElement;

describe('the frame', () => {
  it('holds the server’s panel and may do nothing', async () => {
    await show(new FakeServer().on('show', { html: '<p>all good</p>' }));
    expect(frame().getAttribute('sandbox')).toBe('');
    expect(frame().title).toBe('Details of train');
    expect(frame().srcdoc).toContain('<p>all good</p>');
    expect(frame().srcdoc).toContain("default-src 'none'");
  });

  it('follows the theme', async () => {
    const { themes } = await show(new FakeServer().on('show', { html: '' }));
    expect(frame().srcdoc).toContain('color-scheme: light');
    themes.theme = 'JupyterLab Dark';
    themes.themeChanged.emit({});
    await waitFor(() => {
      expect(frame().srcdoc).toContain('color-scheme: dark');
    });
  });

  it('takes over the colours and letters of the page', () => {
    const page = document.createElement('div').style;
    page.setProperty('--jp-ui-font-color1', 'rgb(1, 2, 3)');
    page.setProperty('--jp-layout-color1', 'rgb(4, 5, 6)');
    const html = frameDocument('', page, false);
    expect(html).toContain('color: rgb(1, 2, 3)');
    expect(html).toContain('background: rgb(4, 5, 6)');
  });

  it('has no links that lead anywhere', () => {
    const html = frameDocument(
      '<meta http-equiv="refresh" content="0;url=//x"><a href="//x">run</a><b>kept</b>',
      document.body.style,
      true
    );
    const made = new DOMParser().parseFromString(html, 'text/html');
    expect(made.querySelectorAll('[href], [http-equiv=refresh]')).toHaveLength(
      0
    );
    expect(made.body.textContent).toBe('runkept');
  });
});

it('is drawn again when runs change, and not when jobs do', async () => {
  const { server, happen } = await show(
    new FakeServer().on('show', { html: 'running' })
  );
  server.on('show', { html: 'finished' });
  const before = server.asked('show').length;
  await act(async () => {
    happen('jobs');
    await settle();
  });
  expect(server.asked('show')).toHaveLength(before);
  await act(async () => {
    happen('runs');
    await settle();
  });
  expect(frame().srcdoc).toContain('finished');
});

it('says what went wrong beside what it has', async () => {
  const { server, widget } = await show(
    new FakeServer().on('show', { html: 'the panel' })
  );
  server.answers.set('show', () =>
    refusal(404, 'NotFoundError', "unknown run '0a1b'")
  );
  await act(async () => {
    await widget.refresh();
    await settle();
  });
  expect(screen.getByRole('alert').textContent).toContain("unknown run '0a1b'");
  expect(frame().srcdoc).toContain('the panel');
});

it('leaves nothing behind when it is closed', async () => {
  const { widget, happen, server } = await show(
    new FakeServer().on('show', { html: '' })
  );
  const before = server.requests.length;
  act(() => {
    widget.dispose();
  });
  happen('runs');
  await settle();
  expect(server.requests).toHaveLength(before);
});

it('is one tab for each run, wherever it was opened from', () => {
  const { context } = setUp(new FakeServer());
  const widget = makeDetails(subject, context, null);
  expect(widget.id).toBe(detailsId({ ...subject, path: 'credit/train.ipynb' }));
  expect(widget.title.label).toBe('Run train');
  expect(detailsId({ ...subject, of: 'job' })).not.toBe(widget.id);
  widget.dispose();
});
