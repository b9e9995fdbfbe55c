/**
 * The path whose project is shown: the document in front, else the folder of the file browser.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { DocumentWidget } from '@jupyterlab/docregistry';
import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';
import type { Widget } from '@lumino/widgets';

import { Details } from './details';
import { DRIVE, projectOf } from './executed';
import type { ProjectModel } from './project';
import { FullReport } from './report';

/** The server's own files, also while they are shared through jupyter-collaboration. */
const ON_SERVER = ['', 'RTC'];

type Paths = Pick<Contents.IManager, 'driveName' | 'localPath'>;

export function isOnServer(contents: Paths, path: string): boolean {
  return ON_SERVER.includes(contents.driveName(path));
}

/** Return a path in the project of what is in front. */
export function pathInFront(
  contents: Paths,
  front: Widget | null,
  folder: string
): string {
  if (
    front instanceof MainAreaWidget &&
    (front.content instanceof Details || front.content instanceof FullReport)
  ) {
    return front.content.subject.path;
  }
  if (front instanceof DocumentWidget) {
    const { path } = front.context;
    if (isOnServer(contents, path)) {
      return contents.localPath(path);
    }
    if (contents.driveName(path) === DRIVE) {
      return projectOf(contents.localPath(path));
    }
  }
  return isOnServer(contents, folder) ? contents.localPath(folder) : '';
}

/** Keep the project at what is in front, now and from here on. */
export function followFront(
  app: JupyterFrontEnd,
  browser: IDefaultFileBrowser | null,
  project: ProjectModel
): void {
  const { contents } = app.serviceManager;
  const update = () => {
    const folder = browser?.model.path ?? '';
    project.follow(pathInFront(contents, app.shell.currentWidget, folder));
  };
  app.shell.currentChanged?.connect(update);
  browser?.model.pathChanged.connect(update);
  contents.fileChanged.connect((_, change) => {
    if (change.type === 'rename') {
      setTimeout(update, 0); // The document in front learns of its new name first.
    }
  });
  update();
}
