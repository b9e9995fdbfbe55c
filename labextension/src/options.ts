/**
 * The settings of schema/plugin.json, typed, with the defaults of the schema where it is absent.
 */
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { type ISignal, Signal } from '@lumino/signaling';

export interface IOptions {
  runsLimit: number;
  pollInterval: number;
  mainMetrics: readonly string[];
  showSchedule: boolean;
}

const DEFAULTS: IOptions = {
  runsLimit: 50,
  pollInterval: 30,
  mainMetrics: [],
  showSchedule: true
};

export class Options {
  get values(): IOptions {
    return this._values;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Take the values of the settings, now and whenever they change. */
  follow(settings: ISettingRegistry.ISettings): void {
    const read = () => {
      this._values = {
        ...DEFAULTS,
        ...(settings.composite as Partial<IOptions>)
      };
      this._changed.emit();
    };
    settings.changed.connect(read);
    read();
  }

  private _values = DEFAULTS;
  private readonly _changed = new Signal<this, void>(this);
}
