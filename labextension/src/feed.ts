/**
 * A list that keeps itself up to date: what was loaded stays while it is loaded again.
 */
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import { useEffect, useState } from 'react';

import { type ApiError, asApiError } from './api';
import type { IChange, Live, Subject } from './live';
import type { ProjectModel } from './project';

/** How long to wait before asking again what could not be answered. */
const RETRY_MS = 5000;

export class Feed<T> implements IDisposable {
  /**
   * @param load - asks the server, given the path of the project.
   * @param what - which changes make it load again.
   */
  constructor(
    private readonly project: ProjectModel,
    live: Live,
    private readonly what: Subject,
    private readonly load: (path: string) => Promise<T>
  ) {
    live.changed.connect(this.onLive, this);
    project.changed.connect(this.onProject, this);
    this._root = project.facts?.root ?? null;
    if (this._root !== null) {
      void this.refresh();
    }
  }

  /** What was loaded last, from the project that is shown; null before that. */
  get data(): T | null {
    return this._data;
  }

  get error(): ApiError | null {
    return this._error;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Load again. Many calls at once come to two requests, one after the other, at the most. */
  async refresh(): Promise<void> {
    this._asked += 1;
    if (this._isLoading || this._isDisposed) {
      return;
    }
    this._isLoading = true;
    let answered: number;
    do {
      answered = this._asked;
      await this.loadOnce();
    } while (answered !== this._asked);
    this._isLoading = false;
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._retry);
    Signal.clearData(this);
  }

  private async loadOnce(): Promise<void> {
    const root = this._root;
    let data: T | null = null;
    let error: ApiError | null = null;
    try {
      data = await this.load(this.project.path);
    } catch (reason) {
      error = asApiError(reason);
    }
    if (this._isDisposed || root !== this._root) {
      return; // It is an answer about another project.
    }
    this._error = error;
    if (data !== null) {
      this._data = data;
    } else if (!error?.isPassing) {
      this._data = null;
    }
    clearTimeout(this._retry);
    if (error?.isPassing) {
      this._retry = window.setTimeout(() => {
        void this.refresh();
      }, RETRY_MS);
    }
    this._changed.emit();
  }

  private onLive(_: Live, change: IChange): void {
    const isOurs = change.project === null || change.project === this._root;
    if (
      this._root !== null &&
      isOurs &&
      [null, this.what].includes(change.what)
    ) {
      void this.refresh();
    }
  }

  private onProject(): void {
    const root = this.project.facts?.root ?? null;
    if (root === this._root) {
      return;
    }
    this._root = root;
    this._data = null;
    this._error = null;
    this._changed.emit();
    if (root !== null) {
      void this.refresh();
    }
  }

  private _root: string | null;
  private _data: T | null = null;
  private _error: ApiError | null = null;
  private _isLoading = false;
  private _asked = 0;
  private _retry: number | undefined;
  private _isDisposed = false;
  private readonly _changed = new Signal<this, void>(this);
}

/** Render again whenever the signal is emitted. */
export function useSignal(signal: ISignal<unknown, unknown>): void {
  const [, setCount] = useState(0);
  useEffect(() => {
    const count = () => {
      setCount(value => value + 1);
    };
    signal.connect(count);
    count(); // It may have been emitted between the rendering and now.
    return () => {
      signal.disconnect(count);
    };
  }, [signal]);
}
