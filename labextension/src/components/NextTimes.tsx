/**
 * The next times of a schedule while it is typed, as the server counts them.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useState } from 'react';

import { type Api, type ApiError, asApiError, type IDue } from '../api';
import { withCode } from './states';

const DEBOUNCE_MS = 300;

export interface INextTimes {
  /** Null until the first answer, and after an error. */
  times: readonly IDue[] | null;
  error: ApiError | null;
}

/** Ask for the next times once the typing pauses; a late answer to an old question is dropped. */
export function useNextTimes(
  api: Api,
  path: string,
  cron: string,
  timezone: string
): INextTimes {
  const [answer, setAnswer] = useState<INextTimes>({
    times: null,
    error: null
  });
  useEffect(() => {
    let isCurrent = true;
    const say = (said: INextTimes) => {
      if (isCurrent) {
        setAnswer(said);
      }
    };
    const timer = setTimeout(() => {
      api.next(path, cron, timezone).then(
        times => {
          say({ times, error: null });
        },
        (reason: unknown) => {
          say({ times: null, error: asApiError(reason) });
        }
      );
    }, DEBOUNCE_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [api, path, cron, timezone]);
  return answer;
}

export function NextTimes(props: INextTimes & { trans: TranslationBundle }) {
  const { times, error, trans } = props;
  if (error) {
    return (
      <p className="mlops-Next mlops-mod-error">
        {withCode(
          error.hint ? `${error.message}: ${error.hint}` : error.message
        )}
      </p>
    );
  }
  if (!times) {
    return (
      <p className="mlops-Next">{trans.__('Working out the next times…')}</p>
    );
  }
  return (
    <div className="mlops-Next">
      {trans.__('Next times')}
      <ol>
        {times.map(({ due_at, local }) => (
          <li key={due_at}>
            <time dateTime={due_at}>{local}</time>
          </li>
        ))}
      </ol>
    </div>
  );
}
