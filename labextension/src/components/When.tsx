/**
 * An instant as one says it, kept right as time goes by; the exact one is its tooltip.
 */
import React, { useSyncExternalStore } from 'react';

import { absolute, relative } from './words';

const STEP_MS = 20_000;

/** The next full step, so that nothing which has happened seems to lie ahead. */
const step = () => Math.ceil(Date.now() / STEP_MS);

function subscribe(onChange: () => void): () => void {
  const timer = setInterval(onChange, STEP_MS / 2);
  return () => {
    clearInterval(timer);
  };
}

export function When(props: {
  at: string;
  timeZone?: string;
  /** Whether the exact instant is read without the tooltip too. */
  isExact?: boolean;
}) {
  const now = new Date(useSyncExternalStore(subscribe, step) * STEP_MS);
  const instant = new Date(props.at);
  const exact = absolute(instant, props.timeZone);
  return (
    <time className="mlops-When" dateTime={props.at} title={exact}>
      {relative(instant, now)}
      {props.isExact && <span className="mlops-When-exact">{exact}</span>}
    </time>
  );
}
