/**
 * The tab of the scheduled jobs.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  Button,
  copyIcon,
  deleteIcon,
  historyIcon,
  notebookIcon,
  pauseIcon,
  runIcon,
  terminalIcon
} from '@jupyterlab/ui-components';
import React, { useEffect, useId, useState } from 'react';

import type { IJob, IJobRun, IProject } from '../api';
import {
  OPEN_EXECUTED,
  PAUSE_JOB,
  REMOVE_JOB,
  RESUME_JOB,
  RUN_JOB,
  SCHEDULE,
  SHOW,
  SHOW_JOB
} from '../commands';
import { Fed } from '../components/Fed';
import { IconButton } from '../components/IconButton';
import { NextStep } from '../components/NextStep';
import { Rows } from '../components/Rows';
import { Stale, withCode } from '../components/states';
import { Status, statusWord } from '../components/Status';
import { When } from '../components/When';
import { basename } from '../components/words';
import { Feed, useSignal } from '../feed';
import { detailsIcon, resumeIcon } from '../icons';
import { type IContext, ISidebar } from '../tokens';

const SCHEDULER = 'mlops scheduler';
const HISTORY = 10;

export const jobsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-nb:jobs',
  description: 'The sidebar’s tab of the scheduled jobs.',
  autoStart: true,
  requires: [ISidebar],
  activate: (_, sidebar: ISidebar): void => {
    const { api, project, live, trans } = sidebar;
    const feed = new Feed(project, live, 'jobs', path => api.jobs(path));
    sidebar.addTab({
      id: 'jobs',
      label: trans.__('Jobs'),
      rank: 200,
      render: () => <Jobs context={sidebar} feed={feed} />
    });
  }
};

export function Jobs(props: { context: IContext; feed: Feed<IJob[]> }) {
  const { context, feed } = props;
  const { project, trans } = context;
  useSignal(project.changed);
  return (
    <Fed feed={feed} trans={trans}>
      {data =>
        data.length === 0 ? (
          <NoJobs context={context} />
        ) : (
          <>
            <Stale error={feed.error} trans={trans} />
            {project.facts?.scheduler === false && (
              <NoScheduler context={context} />
            )}
            <Rows label={trans.__('Jobs')} items={data} keyOf={job => job.name}>
              {(job, tabIndex) => (
                <JobRow job={job} tabIndex={tabIndex} context={context} />
              )}
            </Rows>
            <p className="mlops-hidden" role="status">
              {data
                .filter(job => job.last)
                .map(job => `${job.name}: ${lastWord(job, trans)}`)
                .join('; ')}
            </p>
          </>
        )
      }
    </Fed>
  );
}

function lastWord(job: IJob, trans: IContext['trans']): string {
  return job.last ? statusWord(job.last.status, trans) : '';
}

/** The command as it works in any folder. */
export function schedulerOf(project: IProject | null): string {
  return project
    ? `${SCHEDULER} --project '${project.root.replaceAll("'", "'\\''")}'`
    : SCHEDULER;
}

function NoScheduler(props: { context: IContext }) {
  const { commands, project, trans } = props.context;
  const { facts } = project;
  const canOpenTerminal = commands.hasCommand('terminal:create-new');
  return (
    <div className="mlops-Notice" role="note">
      <p>
        {withCode(
          trans.__(
            'No scheduler is running: start `%1` in a terminal.',
            SCHEDULER
          )
        )}
      </p>
      <IconButton
        icon={copyIcon}
        label={trans.__('Copy the command')}
        onClick={() => {
          void navigator.clipboard.writeText(schedulerOf(facts));
        }}
      />
      {canOpenTerminal && (
        <IconButton
          icon={terminalIcon}
          label={trans.__('Open a terminal')}
          onClick={() => {
            void commands.execute('terminal:create-new', {
              cwd: facts?.path ?? undefined
            });
          }}
        />
      )}
    </div>
  );
}

function JobRow(props: { job: IJob; tabIndex: 0 | -1; context: IContext }) {
  const { job, tabIndex, context } = props;
  const { commands, project, trans } = context;
  const [isOpen, setOpen] = useState(false);
  const historyId = useId();
  const { last } = job;
  const execute = (command: string) => () => {
    void commands.execute(command, { job: job.name, path: project.path });
  };
  return (
    <>
      <div className="mlops-Row-line">
        <button
          type="button"
          className="mlops-Row-main"
          tabIndex={tabIndex}
          title={trans.__('Open the details of %1', job.name)}
          onClick={execute(SHOW_JOB)}
        >
          {job.name}
        </button>
        {job.paused && <Status status="PAUSED" trans={trans} />}
      </div>
      <dl className="mlops-Facts">
        <dt>{trans.__('When')}</dt>
        <dd>{job.schedule}</dd>
        {job.next_at && !job.paused && (
          <>
            <dt>{trans.__('Next')}</dt>
            <dd>
              <When at={job.next_at} timeZone={job.timezone} isExact />
            </dd>
          </>
        )}
        <dt>{trans.__('Last')}</dt>
        <dd>
          {last ? (
            <JobRunFacts run={last} trans={trans} />
          ) : (
            trans.__('not yet')
          )}
        </dd>
      </dl>
      <div className="mlops-Row-actions">
        <Button
          type="button"
          small
          tabIndex={tabIndex}
          aria-label={trans.__('Run %1 now', job.name)}
          onClick={execute(RUN_JOB)}
        >
          <runIcon.react tag="span" aria-hidden="true" />
          {trans.__('Run now')}
        </Button>
        {job.paused ? (
          <IconButton
            icon={resumeIcon}
            label={trans.__('Resume %1', job.name)}
            tabIndex={tabIndex}
            onClick={execute(RESUME_JOB)}
          />
        ) : (
          <IconButton
            icon={pauseIcon}
            label={trans.__('Pause %1', job.name)}
            tabIndex={tabIndex}
            onClick={execute(PAUSE_JOB)}
          />
        )}
        {last?.run_id && (
          <OpenRun run={last} job={job} tabIndex={tabIndex} context={context} />
        )}
        <IconButton
          icon={deleteIcon}
          label={trans.__('Remove %1', job.name)}
          tabIndex={tabIndex}
          onClick={execute(REMOVE_JOB)}
        />
        <IconButton
          icon={historyIcon}
          label={trans.__('History of %1', job.name)}
          tabIndex={tabIndex}
          aria-expanded={isOpen}
          aria-controls={isOpen ? historyId : undefined}
          onClick={() => {
            setOpen(!isOpen);
          }}
        />
      </div>
      {isOpen && (
        <div id={historyId}>
          <History job={job} tabIndex={tabIndex} context={context} />
        </div>
      )}
    </>
  );
}

function JobRunFacts(props: { run: IJobRun; trans: IContext['trans'] }) {
  const { run, trans } = props;
  return (
    <span className="mlops-JobRun">
      <Status status={run.status} reason={run.reason} trans={trans} />
      {run.gate && <Status status={run.gate} trans={trans} />}
      {run.model && (
        <span>
          {run.model.name} {run.model.version}
          {run.model.alias && ` (${run.model.alias})`}
        </span>
      )}
      <When at={run.ended_at ?? run.started_at ?? run.due_at} />
    </span>
  );
}

/** The buttons that open what an execution left. */
function OpenRun(props: {
  run: IJobRun;
  job: IJob;
  tabIndex: 0 | -1;
  context: IContext;
}) {
  const { run, job, tabIndex } = props;
  const { commands, project, trans } = props.context;
  const args = { run: run.run_id, path: project.path };
  return (
    <>
      <IconButton
        icon={detailsIcon}
        label={trans.__('Open the details of run %1', run.run_id)}
        tabIndex={tabIndex}
        onClick={() => {
          void commands.execute(SHOW, { ...args, name: job.name });
        }}
      />
      {run.status !== 'RUNNING' && (
        <IconButton
          icon={notebookIcon}
          label={trans.__('Open the executed notebook of run %1', run.run_id)}
          tabIndex={tabIndex}
          onClick={() => {
            const name = basename(job.notebook);
            void commands.execute(OPEN_EXECUTED, { ...args, name });
          }}
        />
      )}
    </>
  );
}

function History(props: { job: IJob; tabIndex: 0 | -1; context: IContext }) {
  const { job, tabIndex, context } = props;
  const { api, live, project, trans } = context;
  const [feed] = useState(
    () =>
      new Feed(project, live, 'jobs', path =>
        api.history(path, job.name, HISTORY)
      )
  );
  useEffect(
    () => () => {
      feed.dispose();
    },
    [feed]
  );
  return (
    <Fed feed={feed} trans={trans}>
      {data =>
        data.length === 0 ? (
          <p className="mlops-History">{trans.__('It has not run yet.')}</p>
        ) : (
          <ol
            className="mlops-History"
            aria-label={trans.__('The latest executions of %1', job.name)}
          >
            {data.map(run => (
              <li key={run.id}>
                <JobRunFacts run={run} trans={trans} />
                {run.run_id && (
                  <span className="mlops-History-actions">
                    <OpenRun
                      run={run}
                      job={job}
                      tabIndex={tabIndex}
                      context={context}
                    />
                  </span>
                )}
                {run.reason && <p className="mlops-Reason">{run.reason}</p>}
              </li>
            ))}
          </ol>
        )
      }
    </Fed>
  );
}

function NoJobs(props: { context: IContext }) {
  const { commands, trans } = props.context;
  return (
    <NextStep
      title={trans.__('No jobs yet')}
      commands={commands}
      command={SCHEDULE}
      label={trans.__('Schedule this notebook…')}
      promise={trans.__(
        'Schedule the notebook in front: it runs at the times you choose, unchanged.'
      )}
      otherwise={trans.__(
        'Open a Python notebook, then choose Schedule… in its toolbar.'
      )}
    />
  );
}
