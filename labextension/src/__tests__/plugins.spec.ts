import { describe, expect, it } from 'vitest';

import schema from '../../schema/plugin.json';
import plugins, { ISidebar } from '..';
import { Options } from '../options';

describe('every plugin', () => {
  it('starts by itself and needs no token but ours, so that every front end can start it', () => {
    for (const plugin of plugins) {
      expect(plugin.autoStart).toBe(true);
      expect([[], [ISidebar]]).toContainEqual(plugin.requires ?? []);
    }
  });

  it('has an id of its own, and the schema is that of one of them', () => {
    const ids = plugins.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain('mlops-nb:plugin');
  });
});

it('has the defaults of the schema where there are no settings', () => {
  const defaults = Object.entries(schema.properties).map(([name, property]) => [
    name,
    property.default
  ]);
  expect(new Options().values).toEqual(Object.fromEntries(defaults));
});
