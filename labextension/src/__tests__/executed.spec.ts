import { MainAreaWidget } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { Widget } from '@lumino/widgets';
import { describe, expect, it } from 'vitest';

import { makeDetails } from '../details';
import {
  ExecutedDrive,
  executedPath,
  projectOf,
  takeFromAddress
} from '../executed';
import { pathInFront } from '../follow';
import { FakeServer, refusal, setUp, trans } from './fakes';

const NOTEBOOK = {
  name: 'x',
  path: 'x',
  type: 'notebook',
  format: 'json',
  writable: true,
  created: '',
  last_modified: '',
  mimetype: null,
  content: {
    cells: [
      {
        cell_type: 'code',
        source: '1',
        metadata: { trusted: true },
        outputs: []
      }
    ],
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5
  }
};

const driveOf = (server: FakeServer) =>
  new ExecutedDrive(server.api, server.settings, trans);

describe('a path', () => {
  it.each([
    ['credit', 'train.ipynb', 'mlops:credit/0a1b/train.ipynb'],
    ['', 'train', 'mlops:0a1b/train.ipynb'],
    ['a/b', '', 'mlops:a/b/0a1b/0a1b.ipynb']
  ])('names project, run and notebook (%j, %j)', (path, name, whole) => {
    expect(executedPath(path, '0a1b', name)).toBe(whole);
    expect(projectOf(whole.replace('mlops:', ''))).toBe(path);
  });
});

describe('the drive', () => {
  it('serves the executed notebook, with nothing to be edited', async () => {
    const server = new FakeServer().on('notebook', NOTEBOOK);
    const model = await driveOf(server).get('credit/0a1b/train.ipynb');
    expect(server.requests[0].query).toEqual({ path: 'credit', run: '0a1b' });
    expect(model).toMatchObject({
      name: 'train.ipynb',
      path: 'credit/0a1b/train.ipynb',
      type: 'notebook',
      writable: false
    });
    expect(model.content).toMatchObject({
      cells: [
        { metadata: { trusted: true, editable: false, deletable: false } }
      ]
    });
  });

  it('leaves the content out where it is not asked for', async () => {
    const server = new FakeServer().on('notebook', NOTEBOOK);
    const model = await driveOf(server).get('0a1b/train.ipynb', {
      content: false
    });
    expect([model.content, model.format]).toEqual([null, null]);
  });

  it('lists no folders, and asks nobody for them', async () => {
    const server = new FakeServer();
    const model = await driveOf(server).get('credit/0a1b');
    expect(model).toMatchObject({ type: 'directory', content: [] });
    expect(server.requests).toEqual([]);
  });

  it('passes on the message and the hint of an error', async () => {
    const server = new FakeServer();
    server.answers.set('notebook', () =>
      refusal(404, 'NotFoundError', 'run 0a1b left no notebook', 'see its log')
    );
    await expect(driveOf(server).get('0a1b/train.ipynb')).rejects.toThrow(
      'run 0a1b left no notebook: see its log'
    );
  });

  it('refuses all that would change something', async () => {
    const drive = driveOf(new FakeServer());
    for (const attempt of [
      drive.save(),
      drive.delete(),
      drive.rename(),
      drive.copy(),
      drive.newUntitled(),
      drive.createCheckpoint(),
      drive.restoreCheckpoint(),
      drive.deleteCheckpoint(),
      drive.getDownloadUrl()
    ]) {
      await expect(attempt).rejects.toThrow(/can be read, not changed/);
    }
    expect(await drive.listCheckpoints()).toEqual([]);
  });
});

describe('what is in front', () => {
  const contents = {
    driveName: (path: string) => (path.includes(':') ? path.split(':')[0] : ''),
    localPath: (path: string) => path.split(':').at(-1) ?? ''
  };

  it('is the folder of the file browser where nothing says more', () => {
    expect(pathInFront(contents, null, 'a/folder')).toBe('a/folder');
    expect(pathInFront(contents, new Widget(), 'a')).toBe('a');
    expect(pathInFront(contents, null, 'S3:bucket')).toBe('');
    expect(pathInFront(contents, null, 'RTC:shared')).toBe('shared');
  });

  it('is the project of the details that are shown', () => {
    const { context } = setUp(new FakeServer().on('show', { html: '' }));
    const details = makeDetails(
      { of: 'run', key: '0a1b', path: 'credit', name: 'train' },
      context,
      null
    );
    expect(details).toBeInstanceOf(MainAreaWidget);
    expect(pathInFront(contents, details, 'elsewhere')).toBe('credit');
    details.dispose();
  });
});

describe('the address of the page', () => {
  it('is taken over where it names an executed notebook', () => {
    PageConfig.setOption('treePath', 'mlops:credit/0a1b/train.ipynb');
    expect(takeFromAddress()).toBe('mlops:credit/0a1b/train.ipynb');
    expect(PageConfig.getOption('treePath')).toBe('');
  });

  it('is left to JupyterLab where it names a file', () => {
    PageConfig.setOption('treePath', 'credit/train.ipynb');
    expect(takeFromAddress()).toBeNull();
    expect(PageConfig.getOption('treePath')).toBe('credit/train.ipynb');
  });
});
