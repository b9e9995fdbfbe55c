/**
 * The top of the sidebar: which project is shown, a switch, and what is wrong with the whole.
 */
import { refreshIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { useSignal } from '../feed';
import type { IContext } from '../tokens';
import { IconButton } from './IconButton';

const FOLLOW = '';

export function Header(props: { context: IContext }) {
  const { api, project, live, trans } = props.context;
  useSignal(project.changed);
  useSignal(api.onlineChanged);
  const { facts, pinned, visited } = project;
  return (
    <div className="mlops-Header">
      <div className="mlops-Header-line">
        <h2 className="mlops-Header-name" title={facts?.root}>
          {facts?.name ?? pinned?.name ?? trans.__('MLOps')}
        </h2>
        <IconButton
          icon={refreshIcon}
          label={trans.__('Refresh')}
          onClick={() => {
            live.refresh();
          }}
        />
      </div>
      <select
        className="mlops-Header-switch"
        aria-label={trans.__('Project')}
        title={trans.__('Which project is shown')}
        value={pinned?.root ?? FOLLOW}
        onChange={event => {
          project.pin(event.target.value || null);
        }}
      >
        <option value={FOLLOW}>
          {trans.__('Follow the notebook in front')}
        </option>
        {visited.map(({ root, name }) => (
          <option key={root} value={root} title={root}>
            {trans.__('Stay with %1', name)}
            {isAmbiguous(name, visited) ? ` (${root})` : ''}
          </option>
        ))}
      </select>
      <p className="mlops-Header-notice" role="status">
        {!api.isOnline &&
          facts &&
          trans.__(
            'Offline: the server does not answer. What you see may be out of date.'
          )}
      </p>
    </div>
  );
}

function isAmbiguous(
  name: string,
  visited: readonly { name: string }[]
): boolean {
  return visited.filter(known => known.name === name).length > 1;
}
