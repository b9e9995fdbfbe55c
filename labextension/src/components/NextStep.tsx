/**
 * Nothing is there yet: the command that changes that, or what to do until it can be used.
 */
import type { CommandRegistry } from '@lumino/commands';
import { Button } from '@jupyterlab/ui-components';
import React from 'react';

import { useSignal } from '../feed';
import { Empty, withCode } from './states';

export function NextStep(props: {
  title: string;
  commands: CommandRegistry;
  command: string;
  label: string;
  /** What the command comes to. */
  promise: string;
  /** What to do where the command is not enabled. */
  otherwise: string;
}) {
  const { commands, command } = props;
  useSignal(commands.commandChanged);
  return (
    <Empty title={props.title}>
      {commands.isEnabled(command) ? (
        <>
          <p>{props.promise}</p>
          <Button
            type="button"
            small
            onClick={() => {
              void commands.execute(command);
            }}
          >
            {props.label}
          </Button>
        </>
      ) : (
        <p>{withCode(props.otherwise)}</p>
      )}
    </Empty>
  );
}
