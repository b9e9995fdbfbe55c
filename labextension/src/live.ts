/**
 * When to look again: Jupyter's event stream says so at once, a slow poll in any case.
 *
 * Events are not replayed, so that one means "look again" and nothing more.
 */
import type { Event } from '@jupyterlab/services';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { Api } from './api';

export const EVENT_SCHEMA = 'https://mlops-nb/events/changed/v1';

export type Subject = 'runs' | 'jobs';

/** What may have changed; null stands for anything. */
export interface IChange {
  project: string | null;
  what: Subject | null;
}

const ANYTHING: IChange = { project: null, what: null };

/** How often to try while the server is away. */
const RECOVERY_S = 5;

export class Live {
  constructor(
    private readonly api: Api,
    stream: Event.Stream | null,
    interval_s: number
  ) {
    this._interval_s = interval_s;
    this._poll = new Poll({
      name: 'mlops-nb:poll',
      auto: false,
      frequency: frequencyOf(interval_s),
      standby: () => (this._watchers > 0 ? 'when-hidden' : true),
      factory: () => {
        this.refresh();
        return Promise.resolve();
      }
    });
    stream?.connect(this.onEvent, this);
    api.onlineChanged.connect(this.onOnline, this);
    document.addEventListener('visibilitychange', this.onVisibility);
    window.addEventListener('online', this.onVisibility);
  }

  /** Emitted when what is shown may be out of date. */
  get changed(): ISignal<this, IChange> {
    return this._changed;
  }

  /** The seconds between two polls. */
  set interval_s(value: number) {
    this._interval_s = value;
    this.setFrequency();
  }

  /** Keep what is shown up to date until the result is disposed. */
  watch(): IDisposable {
    this._watchers += 1;
    if (this._watchers === 1) {
      void this._poll.schedule();
      this.refresh(); // Changes were passed over while nobody watched.
    }
    return new DisposableDelegate(() => {
      this._watchers -= 1;
    });
  }

  /** Look again at everything. */
  refresh(): void {
    this._changed.emit(ANYTHING);
  }

  dispose(): void {
    document.removeEventListener('visibilitychange', this.onVisibility);
    window.removeEventListener('online', this.onVisibility);
    this._poll.dispose();
    Signal.clearData(this);
  }

  private onEvent(_: unknown, event: Event.Emission): void {
    if (event.schema_id !== EVENT_SCHEMA || this._watchers === 0) {
      return;
    }
    const { project, what } = event;
    this._changed.emit({
      project: typeof project === 'string' ? project : null,
      what: what === 'runs' || what === 'jobs' ? what : null
    });
  }

  private onOnline(_: Api, isOnline: boolean): void {
    this.setFrequency();
    if (isOnline && this._watchers > 0) {
      this.refresh();
    }
  }

  /** A page that was hidden has missed events. */
  private readonly onVisibility = (): void => {
    if (!document.hidden && this._watchers > 0) {
      this.refresh();
    }
  };

  private setFrequency(): void {
    this._poll.frequency = frequencyOf(
      this.api.isOnline
        ? this._interval_s
        : Math.min(RECOVERY_S, this._interval_s)
    );
    void this._poll.schedule();
  }

  private _interval_s: number;
  private _watchers = 0;
  private readonly _poll: Poll;
  private readonly _changed = new Signal<this, IChange>(this);
}

function frequencyOf(seconds: number) {
  const interval = 1000 * seconds;
  return { interval, backoff: false, max: interval };
}
