/**
 * The form of a new job: its name, when it runs, with what, and what its model is held to.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { addIcon, Button, closeIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useId, useRef, useState } from 'react';

import type { Api, ApiError } from '../api';
import type { IDraft } from './draft';
import { IconButton } from './IconButton';
import { NextTimes, useNextTimes } from './NextTimes';
import { withCode } from './states';

const CUSTOM = 'custom';

const PRESETS = ['0 * * * *', '0 6 * * *', '0 6 * * 1', '0 6 1 * *'] as const;

function presetLabel(
  cron: (typeof PRESETS)[number],
  trans: TranslationBundle
): string {
  switch (cron) {
    case '0 * * * *':
      return trans.__('Every hour');
    case '0 6 * * *':
      return trans.__('Every day at 6:00');
    case '0 6 * * 1':
      return trans.__('Every Monday at 6:00');
    case '0 6 1 * *':
      return trans.__('Every month, on the first at 6:00');
  }
}

const isPreset = (cron: string) =>
  (PRESETS as readonly string[]).includes(cron);

export function ScheduleForm(props: {
  api: Api;
  notebook: string;
  trans: TranslationBundle;
  initial: IDraft;
  error: ApiError | null;
  isBusy: boolean;
  onChange: (draft: IDraft) => void;
}) {
  const { api, notebook, trans, error, isBusy, onChange } = props;
  const [draft, setDraft] = useState(props.initial);
  const [isCustom, setCustom] = useState(!isPreset(props.initial.cron));
  const next = useNextTimes(api, notebook, draft.cron, draft.timezone);
  const id = useId();
  const form = useRef<HTMLDivElement>(null);

  const change = (part: Partial<IDraft>) => {
    const changed = { ...draft, ...part };
    setDraft(changed);
    onChange(changed);
  };

  // The dialog looks for what is wrong in the form whenever it hears of an input.
  const isRefused = next.error !== null && !next.error.isOffline;
  useEffect(() => {
    form.current?.dispatchEvent(new Event('input', { bubbles: true }));
  }, [isRefused, isCustom]);

  useEffect(() => {
    if (error) {
      form.current
        ?.querySelector('.mlops-Schedule-error')
        ?.scrollIntoView({ block: 'nearest' });
    }
  }, [error]);

  return (
    <div ref={form} className="mlops-Form">
      <p className="mlops-Form-note">
        {withCode(
          trans.__(
            'A copy of `%1` as it is now runs at the times below, unchanged.',
            notebook
          )
        )}
      </p>
      <Field
        label={trans.__('Job name')}
        value={draft.name}
        required
        onChange={name => {
          change({ name });
        }}
      />
      <label className="mlops-Field">
        <span>{trans.__('When')}</span>
        <select
          value={isCustom ? CUSTOM : draft.cron}
          onChange={({ target }) => {
            setCustom(target.value === CUSTOM);
            if (target.value !== CUSTOM) {
              change({ cron: target.value });
            }
          }}
        >
          {PRESETS.map(cron => (
            <option key={cron} value={cron}>
              {presetLabel(cron, trans)}
            </option>
          ))}
          <option value={CUSTOM}>{trans.__('Other times (cron)')}</option>
        </select>
      </label>
      {isCustom && (
        <Field
          label={trans.__('Cron expression')}
          note={trans.__('minute hour day month weekday')}
          value={draft.cron}
          required
          isWrong={isRefused}
          describedBy={`${id}-next`}
          onChange={cron => {
            change({ cron });
          }}
        />
      )}
      <Field
        label={trans.__('Time zone')}
        value={draft.timezone}
        required
        list={`${id}-zones`}
        isWrong={isRefused && !isCustom}
        describedBy={`${id}-next`}
        onChange={timezone => {
          change({ timezone });
        }}
      />
      <datalist id={`${id}-zones`}>
        {Intl.supportedValuesOf('timeZone').map(zone => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      <div id={`${id}-next`} aria-live="polite">
        <NextTimes {...next} trans={trans} />
      </div>
      <Parameters draft={draft} change={change} trans={trans} />
      <details className="mlops-Form-gate">
        <summary>{trans.__('Gate: what the new model is held to')}</summary>
        <p className="mlops-Form-note">
          {trans.__(
            'With a model and holdout data each new version is judged, and goes live only if it is better.'
          )}
        </p>
        <Field
          label={trans.__('Registered model')}
          value={draft.model}
          onChange={model => {
            change({ model });
          }}
        />
        <Field
          label={trans.__('Holdout data')}
          note={trans.__('a file in the project')}
          value={draft.data}
          onChange={data => {
            change({ data });
          }}
        />
        <Field
          label={trans.__('Label')}
          note={trans.__('the column of true values')}
          value={draft.label}
          onChange={label => {
            change({ label });
          }}
        />
        <Field
          label={trans.__('Sensitive features')}
          note={trans.__('columns, with commas between them')}
          value={draft.sensitive}
          onChange={sensitive => {
            change({ sensitive });
          }}
        />
      </details>
      <div role="alert" className="mlops-Schedule-alert">
        {error && (
          <div className="mlops-Schedule-error">
            <strong>{error.message}</strong>
            {error.hint && <p>{withCode(error.hint)}</p>}
          </div>
        )}
      </div>
      <p role="status" className="mlops-Form-note">
        {isBusy && trans.__('Saving…')}
      </p>
    </div>
  );
}

function Field(props: {
  label: string;
  note?: string;
  value: string;
  required?: boolean;
  list?: string;
  isWrong?: boolean;
  describedBy?: string;
  onChange: (value: string) => void;
}) {
  const { label, note, isWrong, describedBy, onChange, ...others } = props;
  return (
    <label className="mlops-Field">
      <span>
        {label}
        {note && <small> ({note})</small>}
      </span>
      <input
        {...others}
        type="text"
        className={`jp-mod-styled${isWrong ? ' jp-mod-error' : ''}`}
        autoComplete="off"
        spellCheck={false}
        aria-invalid={isWrong}
        aria-describedby={describedBy}
        onChange={event => {
          onChange(event.target.value);
        }}
      />
    </label>
  );
}

function Parameters(props: {
  draft: IDraft;
  change: (part: Partial<IDraft>) => void;
  trans: TranslationBundle;
}) {
  const { draft, change, trans } = props;
  const { parameters } = draft;
  const edit = (id: number, part: { name?: string; value?: string }) => {
    change({
      parameters: parameters.map(row =>
        row.id === id ? { ...row, ...part } : row
      )
    });
  };
  return (
    <fieldset className="mlops-Parameters">
      <legend>{trans.__('Parameters')}</legend>
      {parameters.map(({ id, name, value }, index) => (
        <div key={id} className="mlops-Parameters-row">
          <input
            type="text"
            className="jp-mod-styled"
            aria-label={trans.__('Name of parameter %1', index + 1)}
            placeholder={trans.__('name')}
            value={name}
            required={value !== ''}
            onChange={event => {
              edit(id, { name: event.target.value });
            }}
          />
          <input
            type="text"
            className="jp-mod-styled"
            aria-label={trans.__('Value of parameter %1', index + 1)}
            placeholder={trans.__('value: JSON, else text')}
            value={value}
            onChange={event => {
              edit(id, { value: event.target.value });
            }}
          />
          <IconButton
            icon={closeIcon}
            label={trans.__('Remove parameter %1', index + 1)}
            onClick={() => {
              change({ parameters: parameters.filter(row => row.id !== id) });
            }}
          />
        </div>
      ))}
      <Button
        type="button"
        minimal
        small
        onClick={() => {
          const id = Math.max(0, ...parameters.map(row => row.id)) + 1;
          change({ parameters: [...parameters, { id, name: '', value: '' }] });
        }}
      >
        <addIcon.react tag="span" aria-hidden="true" />
        {trans.__('Add a parameter')}
      </Button>
    </fieldset>
  );
}
