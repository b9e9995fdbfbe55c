/**
 * What is typed into the form of a new job, and the request it stands for.
 */
import type { IJobRequest } from '../api';
import { basename } from './words';

export interface IParameter {
  /** Tells the rows apart, also while their names are empty. */
  id: number;
  name: string;
  value: string;
}

export interface IDraft {
  name: string;
  cron: string;
  timezone: string;
  parameters: readonly IParameter[];
  model: string;
  data: string;
  label: string;
  /** Column names with commas between them. */
  sensitive: string;
}

export function initialDraft(notebook: string): IDraft {
  return {
    name: nameFor(notebook),
    cron: '0 6 * * *',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    parameters: [],
    model: '',
    data: '',
    label: '',
    sensitive: ''
  };
}

/** The notebook's name, as far as it makes a name for a job. */
export function nameFor(notebook: string): string {
  return basename(notebook)
    .replace(/\.ipynb$/, '')
    .trim()
    .replace(/[^\p{Letter}\p{Number}_.-]+/gu, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
}

/** A value is JSON where it can be read so, else it is text. */
export function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function requestOf(draft: IDraft, notebook: string): IJobRequest {
  const given = draft.parameters.filter(({ name }) => name.trim());
  return {
    name: draft.name.trim(),
    notebook,
    cron: draft.cron.trim() || null,
    timezone: draft.timezone.trim(),
    parameters: Object.fromEntries(
      given.map(({ name, value }) => [name.trim(), readValue(value)])
    ),
    model: draft.model.trim() || null,
    data: draft.data.trim() || null,
    label: draft.label.trim() || null,
    sensitive: draft.sensitive
      .split(',')
      .map(column => column.trim())
      .filter(Boolean)
  };
}
