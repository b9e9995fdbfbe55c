import { describe, expect, it } from 'vitest';

import {
  initialDraft,
  nameFor,
  readValue,
  requestOf
} from '../components/draft';
import { absolute, basename, figure, relative } from '../components/words';
import { mainMetrics } from '../tabs/runs';

describe('relative', () => {
  const now = new Date('2026-12-01T12:00:00Z');
  it.each([
    ['2026-12-01T11:59:50Z', 'now'],
    ['2026-12-01T11:57:10Z', '2 minutes ago'],
    ['2026-12-01T12:00:30Z', 'in 1 minute'],
    ['2026-12-01T17:30:00Z', 'in 5 hours'],
    ['2026-11-30T11:00:00Z', 'yesterday'],
    ['2025-06-01T12:00:00Z', 'last year']
  ])('%s is %s', (instant, said) => {
    expect(relative(new Date(instant), now)).toBe(said);
  });
});

describe('absolute', () => {
  const instant = new Date('2026-12-01T05:00:00Z');
  it('is on the clock of the time zone', () => {
    expect(absolute(instant, 'Europe/Berlin')).toContain('6:00');
    expect(absolute(instant, 'Asia/Tokyo')).toContain('2:00');
  });
  it('survives a zone that the browser does not know', () => {
    expect(absolute(instant, 'Mars/Olympus')).toContain('2026');
  });
});

it.each([
  [0.779213, '0.7792'],
  [12345.678, '12,346'],
  [0.00001234567, '0.00001235'],
  ['NaN', 'NaN'],
  ['-Infinity', '−∞']
] as const)('shows %s as %s', (value, shown) => {
  expect(figure(value)).toBe(shown);
});

it('takes the last part of paths of both kinds', () => {
  expect(basename('/a/b/c.ipynb')).toBe('c.ipynb');
  expect(basename('C:\\a\\c.ipynb')).toBe('c.ipynb');
});

describe('mainMetrics', () => {
  const metrics = { a: 1, b: 2, c: 3, d: 4 };
  it('are those that were asked for, in their order', () => {
    expect(mainMetrics(metrics, ['d', 'x', 'a'])).toEqual([
      ['d', 4],
      ['a', 1]
    ]);
  });
  it('are at most three, the first ones where none was asked for', () => {
    const names = (wanted: string[]) =>
      mainMetrics(metrics, wanted).map(([name]) => name);
    expect(names([])).toEqual(['a', 'b', 'c']);
    expect(names(['x'])).toEqual(['a', 'b', 'c']);
    expect(names(['d', 'c', 'b', 'a'])).toEqual(['d', 'c', 'b']);
  });
});

describe('a draft', () => {
  it.each([
    ['credit/train model (2).ipynb', 'train-model-2'],
    ['Übung.ipynb', 'Übung'],
    ['.hidden.ipynb', 'hidden']
  ])('of %s is named %s', (path, name) => {
    expect(nameFor(path)).toBe(name);
  });

  it.each([
    ['2', 2],
    ['true', true],
    ['[1, 2]', [1, 2]],
    ['"2"', '2'],
    ['2024-01', '2024-01'],
    ['', '']
  ])('reads the value %j as %j', (text, value) => {
    expect(readValue(text)).toEqual(value);
  });

  it('is sent without what was left empty', () => {
    const draft = {
      ...initialDraft('credit/train.ipynb'),
      name: ' nightly ',
      timezone: 'Europe/Berlin',
      parameters: [
        { id: 1, name: ' months ', value: '2' },
        { id: 2, name: '', value: '' }
      ],
      label: 'default',
      sensitive: 'SEX, EDUCATION,'
    };
    expect(requestOf(draft, 'credit/train.ipynb')).toEqual({
      name: 'nightly',
      notebook: 'credit/train.ipynb',
      cron: '0 6 * * *',
      timezone: 'Europe/Berlin',
      parameters: { months: 2 },
      model: null,
      data: null,
      label: 'default',
      sensitive: ['SEX', 'EDUCATION']
    });
  });
});
