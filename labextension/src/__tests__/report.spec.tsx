import type { IThemeManager } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { act, screen, waitFor } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';

import type { ReportKey } from '../api';
import { FullReport, reportDocument, reportId } from '../report';
import { linkOf, listen, reportOf, TARGET } from '../reporting';
import { FakeServer, refusal, settle, setUp } from './fakes';

const page = {
  title: 'Drift, jan → feb',
  html: '<!DOCTYPE html><p>Drift is detected</p>'
};
const ofFile: ReportKey = { file: 'a b/größe.html' };

let shown: Widget | null = null;

afterEach(() => {
  act(() => {
    shown?.dispose();
  });
});

async function show(server: FakeServer, key: ReportKey = ofFile) {
  const world = setUp(server);
  const themes = {
    theme: 'JupyterLab Light',
    isLight: (name: string) => name.includes('Light'),
    themeChanged: new Signal<unknown, unknown>({})
  };
  const widget = new FullReport(
    { key, path: 'credit', name: 'größe.html' },
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

describe('the tab', () => {
  it('asks for its report, and names itself by the title', async () => {
    const server = new FakeServer().on('report', page);
    const { widget } = await show(server);
    expect(server.asked('report')[0].query).toEqual({
      path: 'credit',
      ...ofFile
    });
    expect(widget.title.label).toBe('Evidently: Drift, jan → feb');
    expect(frame().title).toBe('Evidently’s report: Drift, jan → feb');
    expect(frame().srcdoc).toContain(page.html);
  });

  it('lets scripts run without an origin, and lets them load and send nothing', async () => {
    await show(new FakeServer().on('report', page));
    expect(frame().getAttribute('sandbox')).toBe('allow-scripts');
    const { head } = new DOMParser().parseFromString(
      frame().srcdoc,
      'text/html'
    );
    const first = head.firstElementChild;
    expect(first?.getAttribute('http-equiv')).toBe('Content-Security-Policy');
    expect(first?.getAttribute('content')).toContain("default-src 'none'");
    expect(first?.getAttribute('content')).not.toMatch(/https?:|\*|'self'/);
  });

  it('follows the theme', async () => {
    const { themes } = await show(new FakeServer().on('report', page));
    expect(frame().srcdoc).toBe(reportDocument(page.html, true));
    themes.theme = 'JupyterLab Dark';
    themes.themeChanged.emit({});
    await waitFor(() => {
      expect(frame().srcdoc).toBe(reportDocument(page.html, false));
    });
  });

  it('says what went wrong, and asks again when it is told to', async () => {
    const server = new FakeServer();
    server.answers.set('report', () =>
      refusal(404, 'NotFoundError', "there is no report 'größe.html' any more")
    );
    await show(server);
    expect(screen.getByRole('alert').textContent).toContain('any more');
    server.on('report', page);
    await act(async () => {
      screen.getByRole('button').click();
      await settle();
    });
    expect(screen.queryByRole('alert')).toBeNull();
    expect(frame().srcdoc).toContain(page.html);
  });
});

it('the page in its frame has a storage that knows light from dark', () => {
  for (const [isLight, mode] of [
    [true, 'light'],
    [false, 'dark']
  ] as const) {
    const made = new DOMParser().parseFromString(
      reportDocument('', isLight),
      'text/html'
    );
    const script = made.querySelector('script')?.textContent ?? '';
    const frameWindow: { localStorage?: Storage } = {};
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    const run = new Function('window', script) as (window: object) => void;
    run(frameWindow);
    expect(frameWindow.localStorage?.getItem('mui-mode')).toBe(mode);
    frameWindow.localStorage?.setItem('a', '1');
    expect(frameWindow.localStorage?.getItem('a')).toBe('1');
    frameWindow.localStorage?.removeItem('a');
    expect(frameWindow.localStorage?.getItem('a')).toBeNull();
  }
});

it('an address says which report it is of', () => {
  const run = 'run=0a1b&report=mlops%2Freports%2Fdrift-1-evidently.html';
  expect(reportOf(`../a%20b.html#mlops-report?${run}`)).toEqual({
    run: '0a1b',
    report: 'mlops/reports/drift-1-evidently.html'
  });
  expect(reportOf('#mlops-report?run=0a1b')).toEqual({ run: '0a1b' });
  expect(
    reportOf('x.html#mlops-report?file=a%20b%2Fgr%C3%B6%C3%9Fe.html')
  ).toEqual(ofFile);
  for (const other of [
    '',
    'x.html?run=1',
    '#head?run=1',
    '#mlops-report?a=b',
    '............&run=1'
  ]) {
    expect(reportOf(other)).toBeNull();
  }
});

it('the same report is the same tab, another is not', () => {
  const id = (key: ReportKey, path = 'credit') =>
    reportId({ key, path, name: 'whatever' });
  expect(id(ofFile)).toBe(id({ ...ofFile }));
  const others = [
    id(ofFile),
    id(ofFile, 'flights'),
    id({ run: '0a1b' }),
    id({ run: '0a1b', report: 'x' })
  ];
  expect(new Set(others).size).toBe(others.length);
});

describe('a kernel', () => {
  type Target = Parameters<Kernel.IKernelConnection['registerCommTarget']>[1];

  class FakeKernel {
    targets = new Map<string, Target>();
    registerCommTarget(name: string, target: Target): void {
      this.targets.set(name, target);
    }
    say(data: object): void {
      void this.targets.get(TARGET)?.(
        {} as never,
        {
          content: { data }
        } as never
      );
    }
  }

  it('opens a report by its address, also after another took its place', () => {
    const opened: string[] = [];
    const [first, second] = [new FakeKernel(), new FakeKernel()];
    const kernelChanged = new Signal<object, { newValue: unknown }>({});
    const sessionContext = { session: { kernel: first }, kernelChanged };
    listen({ sessionContext } as never, address => opened.push(address));
    first.say({ open: '#mlops-report?run=1' });
    kernelChanged.emit({ newValue: null });
    kernelChanged.emit({ newValue: second });
    second.say({ open: '#mlops-report?run=2' });
    second.say({ open: 7 });
    second.say({});
    expect(opened).toEqual(['#mlops-report?run=1', '#mlops-report?run=2']);
  });
});

it('a click on a link to a report is known, and no other click', () => {
  document.body.innerHTML =
    '<a id="ours" href="/files/x.html#mlops-report?run=1"><b id="inside">x</b></a>' +
    '<a id="other" href="x.html">x</a><a id="head" href="#heading">x</a><p id="none">x</p>';
  const clicked = (id: string) => {
    let found: HTMLAnchorElement | null = null;
    const look = (event: Event) => {
      event.preventDefault();
      found = linkOf(event);
    };
    document.addEventListener('click', look, { once: true });
    document.getElementById(id)?.click();
    return (found as HTMLAnchorElement | null)?.id ?? null;
  };
  expect(['ours', 'inside'].map(clicked)).toEqual(['ours', 'ours']);
  expect(['other', 'head', 'none'].map(clicked)).toEqual([null, null, null]);
  document.body.innerHTML = '';
});
