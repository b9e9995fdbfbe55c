/**
 * What became of something: an icon and a word, so that colour is never all there is.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import React from 'react';

import type { JobRunStatus, Verdict } from '../api';
import {
  activeIcon,
  failedIcon,
  finishedIcon,
  killedIcon,
  pausedIcon,
  skippedIcon,
  unknownIcon
} from '../icons';

type Tone = 'good' | 'bad' | 'busy' | 'unsure' | 'quiet';
type Shown = JobRunStatus | Verdict | 'PAUSED';

const LOOKS: Record<Shown, [LabIcon, Tone]> = {
  RUNNING: [activeIcon, 'busy'],
  FINISHED: [finishedIcon, 'good'],
  FAILED: [failedIcon, 'bad'],
  KILLED: [killedIcon, 'bad'],
  LOST: [unknownIcon, 'unsure'],
  SKIPPED: [skippedIcon, 'quiet'],
  PAUSED: [pausedIcon, 'quiet'],
  pass: [finishedIcon, 'good'],
  fail: [failedIcon, 'bad'],
  insufficient: [unknownIcon, 'unsure']
};

/** The word for a status. */
export function statusWord(status: Shown, trans: TranslationBundle): string {
  switch (status) {
    case 'RUNNING':
      return trans.__('Running');
    case 'FINISHED':
      return trans.__('Finished');
    case 'FAILED':
      return trans.__('Failed');
    case 'KILLED':
      return trans.__('Killed');
    case 'LOST':
      return trans.__('Lost');
    case 'SKIPPED':
      return trans.__('Skipped');
    case 'PAUSED':
      return trans.__('Paused');
    case 'pass':
      return trans.__('Gate passed');
    case 'fail':
      return trans.__('Gate failed');
    case 'insufficient':
      return trans.__('Gate: not enough evidence');
  }
}

export function Status(props: {
  status: Shown;
  reason?: string | null;
  trans: TranslationBundle;
}) {
  const { status, reason, trans } = props;
  const [icon, tone] = LOOKS[status];
  return (
    <span className={`mlops-Status mlops-mod-${tone}`} title={reason ?? ''}>
      <icon.react tag="span" className="mlops-Status-icon" aria-hidden="true" />
      {statusWord(status, trans)}
    </span>
  );
}
