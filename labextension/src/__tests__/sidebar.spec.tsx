import type { IStateDB } from '@jupyterlab/statedb';
import { Widget } from '@lumino/widgets';
import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import { afterEach, describe, expect, it } from 'vitest';

import { asksForSidebar, Sidebar } from '../sidebar';
import { FakeServer, json, project, refusal, settle, setUp } from './fakes';

let shown: Sidebar | null = null;

afterEach(() => {
  act(() => {
    shown?.dispose();
  });
  shown = null;
});

async function show(server?: FakeServer, state: IStateDB | null = null) {
  const world = setUp(server);
  const sidebar = new Sidebar(world.context, state);
  shown = sidebar;
  for (const [rank, name] of [
    [300, 'Checks'],
    [100, 'Runs'],
    [200, 'Jobs']
  ] as const) {
    sidebar.addTab({
      id: name.toLowerCase(),
      label: name,
      rank,
      render: () => <p>{`the ${name}`}</p>
    });
  }
  await act(async () => {
    Widget.attach(sidebar, document.body);
    world.project.follow('credit');
    await settle();
  });
  return { ...world, sidebar };
}

const tab = (name: string) => screen.getByRole('tab', { name });
const isChosen = (name: string) => tab(name).getAttribute('aria-selected');

describe('the tabs', () => {
  it('stand in the order of their ranks, the first one in front', async () => {
    await show();
    expect(
      screen.getAllByRole('tab').map(({ textContent }) => textContent)
    ).toEqual(['Runs', 'Jobs', 'Checks']);
    expect(screen.getByRole('tabpanel').textContent).toBe('the Runs');
    expect(screen.getByRole('tabpanel').getAttribute('aria-labelledby')).toBe(
      tab('Runs').id
    );
    expect(tab('Runs').getAttribute('aria-controls')).toBe(
      screen.getByRole('tabpanel').id
    );
  });

  it('are chosen by click and by arrow keys, round and round', async () => {
    await show();
    await userEvent.click(tab('Jobs'));
    expect(isChosen('Jobs')).toBe('true');
    expect(screen.getByText('the Jobs')).toBeDefined();
    await userEvent.keyboard('{ArrowRight}');
    expect(document.activeElement).toBe(tab('Checks'));
    await userEvent.keyboard('{ArrowRight}');
    expect(isChosen('Runs')).toBe('true');
    await userEvent.keyboard('{ArrowLeft}');
    expect(isChosen('Checks')).toBe('true');
    await userEvent.keyboard('{Home}');
    expect(isChosen('Runs')).toBe('true');
    await userEvent.keyboard('{End}');
    expect(isChosen('Checks')).toBe('true');
    expect(
      screen.getAllByRole('tab').filter(({ tabIndex }) => tabIndex === 0)
    ).toEqual([tab('Checks')]);
  });

  it('have the focus when the sidebar is opened by a command', async () => {
    const { sidebar } = await show();
    sidebar.activate();
    await waitFor(() => {
      expect(document.activeElement?.textContent).toBe('Runs');
    });
  });

  it('can be added and taken away while they are shown', async () => {
    const { sidebar } = await show();
    let added = { dispose: () => {} };
    act(() => {
      added = sidebar.addTab({
        id: 'models',
        label: 'Models',
        rank: 150,
        render: () => <p>the Models</p>
      });
    });
    await userEvent.click(tab('Models'));
    expect(screen.getByText('the Models')).toBeDefined();
    act(() => {
      added.dispose();
    });
    expect(screen.queryByText('the Models')).toBeNull();
    expect(isChosen('Runs')).toBe('true');
  });

  it('are remembered', async () => {
    const kept = new Map<string, unknown>();
    const state = {
      fetch: (id: string) => Promise.resolve(kept.get(id)),
      save: (id: string, value: unknown) => {
        kept.set(id, value);
        return Promise.resolve();
      }
    } as unknown as IStateDB;
    await show(undefined, state);
    await userEvent.click(tab('Jobs'));
    act(() => {
      shown?.dispose();
    });
    const { sidebar } = await show(undefined, state);
    await act(() => sidebar.restore());
    expect(isChosen('Jobs')).toBe('true');
  });
});

describe('the project', () => {
  const projects = () => {
    const server = new FakeServer();
    server.answers.set('project', ({ query }) =>
      json(
        project({
          name: query.path,
          root: `/home/ada/${query.path}`,
          path: query.path
        })
      )
    );
    return server;
  };
  const heading = () => screen.getByRole('heading').textContent;

  it('has its name on top, and a switch that pins one that was visited', async () => {
    const { project } = await show(projects());
    expect(heading()).toBe('credit');
    await act(async () => {
      project.follow('flights');
      await settle();
    });
    expect(heading()).toBe('flights');
    await userEvent.selectOptions(
      screen.getByRole('combobox', { name: 'Project' }),
      'Stay with credit'
    );
    await act(settle);
    expect(heading()).toBe('credit');
    await userEvent.selectOptions(
      screen.getByRole('combobox', { name: 'Project' }),
      'Follow the notebook in front'
    );
    await act(settle);
    expect(heading()).toBe('flights');
  });

  it('that is pinned and vanished can be left', async () => {
    const server = projects();
    const { project: model } = await show(server);
    await act(async () => {
      model.follow('flights');
      await settle();
      server.answers.set('project', ({ query }) =>
        query.path === 'credit'
          ? refusal(404, 'NotFoundError', 'there is no credit', 'open another')
          : json(project({ name: query.path, root: query.path }))
      );
      model.pin('/home/ada/credit');
      await settle();
    });
    expect(screen.getByRole('alert').textContent).toContain(
      'there is no credit'
    );
    await userEvent.click(
      screen.getByRole('button', { name: 'Follow the notebook in front' })
    );
    await act(settle);
    expect(screen.queryByRole('alert')).toBeNull();
    expect(heading()).toBe('flights');
  });
});

describe('trouble', () => {
  it('is named where the server has no extension', async () => {
    const server = new FakeServer();
    server.answers.set('project', () => new Response('', { status: 404 }));
    await show(server);
    expect(screen.getByRole('alert').textContent).toContain('not enabled');
    expect(
      screen.getByText('jupyter server extension enable mlops_nb').tagName
    ).toBe('CODE');
    expect(screen.queryByRole('tab')).toBeNull();
    server.on('project', project());
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findAllByRole('tab')).toHaveLength(3);
  });

  it('of the network leaves what was there, and says so until it is over', async () => {
    const server = new FakeServer().on('project', project());
    await show(server);
    server.isAway = true;
    await userEvent.click(screen.getByRole('button', { name: 'Refresh' }));
    await act(settle);
    expect(screen.getByRole('status').textContent).toContain('Offline');
    expect(screen.getByText('the Runs')).toBeDefined();
    server.isAway = false;
    await userEvent.click(screen.getByRole('button', { name: 'Refresh' }));
    await act(settle);
    expect(screen.getByRole('status').textContent).toBe('');
  });
});

it('asks nothing while it is hidden, and catches up when it is shown', async () => {
  const { server, sidebar, happen } = await show();
  act(() => {
    sidebar.hide();
  });
  const before = server.requests.length;
  await act(async () => {
    happen('jobs');
    await settle();
  });
  expect(server.requests).toHaveLength(before);
  await act(async () => {
    sidebar.show();
    await settle();
  });
  expect(server.requests.length).toBeGreaterThan(before);
});

it('is asked for by the address', () => {
  expect(asksForSidebar('?mlops=sidebar&token=1')).toBe(true);
  expect(asksForSidebar('?mlops=no')).toBe(false);
  expect(asksForSidebar('')).toBe(false);
});
