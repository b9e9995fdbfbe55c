/**
 * The ways to Evidently's full reports: the palette, the row of a run, the link in a drift panel,
 * and the kernel that made one. The last two name it by its address, whose fragment says which it is.
 */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  IThemeManager,
  type MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';

import type { ReportKey } from './api';
import { OPEN_REPORT } from './commands';
import { basename } from './components/words';
import { addTo } from './details';
import { pathInFront } from './follow';
import { pickRun, reportIn, textOf } from './pick';
import { type FullReport, makeReport, reportId } from './report';
import { ISidebar } from './tokens';

/** By which a kernel asks us for something. */
export const TARGET = 'mlops_nb';

/** What the fragment of a report's address begins with. */
const FRAGMENT = '#mlops-report?';

/** Return which report an address is of; null if it is of none. */
export function reportOf(address: string): ReportKey | null {
  const at = address.indexOf(FRAGMENT);
  const named = new URLSearchParams(address.slice(at + FRAGMENT.length));
  const [run, report, file] = ['run', 'report', 'file'].map(
    name => named.get(name) ?? undefined
  );
  if (at < 0 || (!run && !file)) {
    return null;
  }
  return run ? { run, ...(report && { report }) } : { file: file ?? '' };
}

/**
 * Let the kernel of a notebook open reports: it sends the address of one.
 *
 * JupyterLab hands such messages to one connection of a kernel, and never those of the past.
 */
export function listen(
  panel: Pick<NotebookPanel, 'sessionContext'>,
  open: (address: string) => void
): void {
  const register = (kernel: Kernel.IKernelConnection | null | undefined) => {
    kernel?.registerCommTarget(TARGET, (_, message) => {
      const address = textOf(message.content.data.open);
      if (address !== undefined) {
        open(address);
      }
    });
  };
  const { sessionContext } = panel;
  register(sessionContext.session?.kernel);
  sessionContext.kernelChanged.connect((_, { newValue }) => {
    register(newValue);
  });
}

/** Return the link to a report that a click is on; JupyterLab would open its file as text. */
export function linkOf(event: Event): HTMLAnchorElement | null {
  const { target } = event;
  const link = target instanceof Element ? target.closest('a') : null;
  return link?.getAttribute('href')?.includes(FRAGMENT) ? link : null;
}

export const reportPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-nb:report',
  description: 'Evidently’s full reports in tabs of the main area.',
  autoStart: true,
  requires: [ISidebar],
  optional: [ILayoutRestorer, IThemeManager, ICommandPalette, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    sidebar: ISidebar,
    restorer: ILayoutRestorer | null,
    themes: IThemeManager | null,
    palette: ICommandPalette | null,
    notebooks: INotebookTracker | null
  ): void => {
    const { trans } = sidebar;
    const { commands, serviceManager, shell } = app;
    const tracker = new WidgetTracker<MainAreaWidget<FullReport>>({
      namespace: 'mlops-report'
    });

    commands.addCommand(OPEN_REPORT, {
      label: trans.__('Open Evidently’s report of a run…'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            run: { type: 'string' },
            report: { type: 'string' },
            file: { type: 'string' },
            path: { type: 'string' },
            name: { type: 'string' }
          }
        }
      },
      execute: async args => {
        const path = textOf(args.path) ?? sidebar.project.path;
        const [run, report, file] = [args.run, args.report, args.file].map(
          textOf
        );
        let key: ReportKey;
        let name = textOf(args.name) ?? basename(report ?? file ?? run ?? '');
        if (run) {
          key = { run, ...(report && { report }) };
        } else if (file) {
          key = { file };
        } else {
          const picked = await pickRun(
            sidebar,
            run => reportIn(run) !== undefined
          );
          if (!picked) {
            return;
          }
          key = { run: picked.key };
          name = picked.name;
        }
        const subject = { key, path, name };
        const id = reportId(subject);
        const known = tracker.find(other => other.id === id);
        if (known) {
          void known.content.refresh(); // It may have been made anew.
        } else {
          const widget = makeReport(subject, sidebar, themes);
          addTo(shell, widget);
          await tracker.add(widget);
        }
        shell.activateById(id);
      }
    });
    palette?.addItem({ command: OPEN_REPORT, category: trans.__('MLOps') });
    void restorer?.restore(tracker, {
      command: OPEN_REPORT,
      args: ({ content: { subject } }) => ({
        ...subject.key,
        path: subject.path,
        name: subject.name
      }),
      name: ({ id }) => id
    });

    /** Open what an address names, in the project of the notebook that has it. */
    const open = (address: string, panel?: NotebookPanel | null) => {
      const key = reportOf(address);
      if (!key) {
        return;
      }
      const { contents } = serviceManager;
      const path = panel
        ? pathInFront(contents, panel, '')
        : sidebar.project.path;
      void commands.execute(OPEN_REPORT, { ...key, path });
    };
    const follow = (panel: NotebookPanel) => {
      listen(panel, address => {
        open(address, panel);
      });
    };
    notebooks?.forEach(follow);
    notebooks?.widgetAdded.connect((_, panel) => {
      follow(panel);
    });
    // Before JupyterLab's own handler of links sees the click.
    document.addEventListener(
      'click',
      event => {
        const link = linkOf(event);
        if (link) {
          event.preventDefault();
          event.stopPropagation();
          open(
            link.getAttribute('href') ?? '',
            notebooks?.find(panel => panel.node.contains(link))
          );
        }
      },
      true
    );
  }
};
