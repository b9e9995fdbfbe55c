/**
 * A button that is an icon; its label is its tooltip, and what a screen reader says.
 */
import { Button, type LabIcon } from '@jupyterlab/ui-components';
import React from 'react';

export function IconButton(
  props: {
    icon: LabIcon;
    label: string;
  } & React.ButtonHTMLAttributes<HTMLButtonElement>
) {
  const { icon, label, ...others } = props;
  return (
    <Button
      {...others}
      type="button"
      minimal
      small
      className="mlops-IconButton"
      title={label}
      aria-label={label}
    >
      <icon.react tag="span" aria-hidden="true" />
    </Button>
  );
}
