/**
 * What a feed has loaded; until then that it is loading, or why it can't.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { type Feed, useSignal } from '../feed';
import { Failure, Loading } from './states';

export function Fed<T>(props: {
  feed: Feed<T>;
  trans: TranslationBundle;
  children: (data: T) => React.ReactNode;
}) {
  const { feed, trans } = props;
  useSignal(feed.changed);
  const { data, error } = feed;
  if (data !== null) {
    return <>{props.children(data)}</>;
  }
  return error ? (
    <Failure
      error={error}
      trans={trans}
      onRetry={() => {
        void feed.refresh();
      }}
    />
  ) : (
    <Loading trans={trans} />
  );
}
