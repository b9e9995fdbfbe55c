/**
 * The tab of the latest runs.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { notebookIcon } from '@jupyterlab/ui-components';
import React, { useState } from 'react';

import { type IRun, type Numeric, RUN_STATUSES, type RunStatus } from '../api';
import { OPEN_EXECUTED, OPEN_REPORT, SHOW, TRACK } from '../commands';
import { Fed } from '../components/Fed';
import { IconButton } from '../components/IconButton';
import { NextStep } from '../components/NextStep';
import { Rows } from '../components/Rows';
import { Empty, Stale } from '../components/states';
import { Status, statusWord } from '../components/Status';
import { When } from '../components/When';
import { basename, figure } from '../components/words';
import { Feed, useSignal } from '../feed';
import { reportIcon } from '../icons';
import { isExecuted, reportIn } from '../pick';
import { type IContext, ISidebar } from '../tokens';

const MOST_METRICS = 3;

type Filter = RunStatus | undefined;

export const runsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-nb:runs',
  description: 'The sidebar’s tab of the latest runs.',
  autoStart: true,
  requires: [ISidebar],
  activate: (_, sidebar: ISidebar): void => {
    const { api, project, live, options, trans } = sidebar;
    let filter: Filter;
    const feed = new Feed(project, live, 'runs', path =>
      api.runs(path, { limit: options.values.runsLimit, status: filter })
    );
    options.changed.connect(() => {
      void feed.refresh();
    });
    sidebar.addTab({
      id: 'runs',
      label: trans.__('Runs'),
      rank: 100,
      render: () => (
        <Runs
          context={sidebar}
          feed={feed}
          filter={filter}
          onFilter={status => {
            filter = status;
            void feed.refresh();
          }}
        />
      )
    });
  }
};

export function Runs(props: {
  context: IContext;
  feed: Feed<IRun[]>;
  filter?: Filter;
  onFilter: (status: Filter) => void;
}) {
  const { context, feed } = props;
  const { options, trans } = context;
  const [filter, setFilter] = useState(props.filter);
  useSignal(options.changed);
  return (
    <>
      <div className="mlops-Bar">
        <label>
          {trans.__('Show')}{' '}
          <select
            value={filter ?? ''}
            onChange={event => {
              const status = (event.target.value || undefined) as Filter;
              setFilter(status);
              props.onFilter(status);
            }}
          >
            <option value="">{trans.__('all runs')}</option>
            {RUN_STATUSES.map(status => (
              <option key={status} value={status}>
                {statusWord(status, trans)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Fed feed={feed} trans={trans}>
        {data =>
          data.length === 0 ? (
            filter ? (
              <Empty title={trans.__('No run has this status.')} />
            ) : (
              <NoRuns context={context} />
            )
          ) : (
            <>
              <Stale error={feed.error} trans={trans} />
              <Rows
                label={trans.__('Runs, the latest first')}
                items={data}
                keyOf={run => run.run_id}
              >
                {(run, tabIndex) => (
                  <RunRow run={run} tabIndex={tabIndex} context={context} />
                )}
              </Rows>
            </>
          )
        }
      </Fed>
      <Latest feed={feed} trans={trans} />
    </>
  );
}

/** Tells a screen reader of the latest run; it is there before the first one is. */
function Latest(props: { feed: Feed<IRun[]>; trans: IContext['trans'] }) {
  const { feed, trans } = props;
  useSignal(feed.changed);
  const run = feed.data?.[0];
  return (
    <p className="mlops-hidden" role="status">
      {run && `${run.name}: ${statusWord(run.status, trans)}`}
    </p>
  );
}

function RunRow(props: { run: IRun; tabIndex: 0 | -1; context: IContext }) {
  const { run, tabIndex } = props;
  const { commands, options, project, trans } = props.context;
  const args = { run: run.run_id, path: project.path };
  const report = reportIn(run);
  const metrics = mainMetrics(run.metrics, options.values.mainMetrics);
  return (
    <>
      <div className="mlops-Row-line">
        <button
          type="button"
          className="mlops-Row-main"
          tabIndex={tabIndex}
          title={trans.__('Open the details of %1', run.name)}
          onClick={() => {
            void commands.execute(SHOW, { ...args, name: run.name });
          }}
        >
          {run.name}
        </button>
        {report !== undefined && (
          <IconButton
            icon={reportIcon}
            label={trans.__('Open Evidently’s report of %1', run.name)}
            tabIndex={tabIndex}
            onClick={() => {
              void commands.execute(OPEN_REPORT, { ...args, report });
            }}
          />
        )}
        {isExecuted(run) && (
          <IconButton
            icon={notebookIcon}
            label={trans.__('Open the executed notebook of %1', run.name)}
            tabIndex={tabIndex}
            onClick={() => {
              const name = basename(run.notebook ?? run.name);
              void commands.execute(OPEN_EXECUTED, { ...args, name });
            }}
          />
        )}
      </div>
      <div className="mlops-Row-line mlops-Row-facts">
        <Status status={run.status} reason={run.reason} trans={trans} />
        <When at={run.started_at} />
      </div>
      {metrics.length > 0 && (
        <dl className="mlops-Metrics">
          {metrics.map(([name, value]) => (
            <div key={name} title={`${name} = ${value}`}>
              <dt>{name}</dt>
              <dd>{figure(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}

/** Return the metrics that were asked for, else the first ones. */
export function mainMetrics(
  metrics: IRun['metrics'],
  wanted: readonly string[]
): [string, Numeric][] {
  const found = wanted.filter(name => name in metrics);
  const names = found.length > 0 ? found : Object.keys(metrics);
  return names.slice(0, MOST_METRICS).map(name => [name, metrics[name]]);
}

function NoRuns(props: { context: IContext }) {
  const { commands, trans } = props.context;
  return (
    <NextStep
      title={trans.__('No runs yet')}
      commands={commands}
      command={TRACK}
      label={trans.__('Track this notebook')}
      promise={trans.__(
        'Track the notebook in front, then run it: each run shows up here.'
      )}
      otherwise={trans.__(
        'Open a notebook and add `%mlops track` to it: each run shows up here.'
      )}
    />
  );
}
