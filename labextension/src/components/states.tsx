/**
 * What stands where there is no list (yet): loading, empty, and what went wrong.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import React from 'react';

import type { ApiError } from '../api';

export function Loading(props: { trans: TranslationBundle }) {
  return (
    <div className="mlops-Loading" role="status">
      <span className="mlops-hidden">{props.trans.__('Loading…')}</span>
      {[0, 1, 2].map(row => (
        <div key={row} className="mlops-Loading-row" aria-hidden="true" />
      ))}
    </div>
  );
}

/** Nothing is there, and the next step. */
export function Empty(props: { title: string; children?: React.ReactNode }) {
  return (
    <div className="mlops-Message">
      <p className="mlops-Message-title">{props.title}</p>
      {props.children}
    </div>
  );
}

/** What went wrong and the way out. Commands in a hint, between back ticks, are set as code. */
export function Failure(props: {
  error: ApiError;
  onRetry: () => void;
  trans: TranslationBundle;
  children?: React.ReactNode;
}) {
  const { error, trans } = props;
  return (
    <div className="mlops-Message mlops-mod-error" role="alert">
      <p className="mlops-Message-title">{error.message}</p>
      {error.hint && <p>{withCode(error.hint)}</p>}
      <div className="mlops-Message-actions">
        <Button type="button" small onClick={props.onRetry}>
          {trans.__('Try again')}
        </Button>
        {props.children}
      </div>
    </div>
  );
}

/** What is shown may be out of date, and why. (The header says so of a server that is away.) */
export function Stale(props: {
  error: ApiError | null;
  trans: TranslationBundle;
}) {
  const { error, trans } = props;
  return error && !error.isOffline ? (
    <p className="mlops-Notice" role="status">
      {trans.__('This may be out of date: %1', error.message)}
    </p>
  ) : null;
}

export function withCode(text: string): React.ReactNode[] {
  return text
    .split('`')
    .map((part, index) =>
      index % 2 === 1 ? <code key={index}>{part}</code> : part
    );
}
