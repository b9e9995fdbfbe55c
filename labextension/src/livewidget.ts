/**
 * A widget that keeps what it shows up to date while it can be seen.
 */
import { ReactWidget } from '@jupyterlab/ui-components';
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';

import type { Live } from './live';

export abstract class LiveWidget extends ReactWidget {
  constructor(private readonly watched: Live) {
    super();
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this.watch();
    }
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.watch();
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.unwatch();
  }

  protected onBeforeDetach(message: Message): void {
    super.onBeforeDetach(message);
    this.unwatch();
  }

  private watch(): void {
    this._watch ??= this.watched.watch();
  }

  private unwatch(): void {
    this._watch?.dispose();
    this._watch = null;
  }

  private _watch: IDisposable | null = null;
}
