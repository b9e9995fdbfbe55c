/**
 * Which project is shown: that of the document in front, or one that was pinned.
 */
import type { IStateDB } from '@jupyterlab/statedb';
import { type ISignal, Signal } from '@lumino/signaling';

import { type Api, type ApiError, asApiError, type IProject } from './api';
import type { IChange, Live } from './live';

const STATE = 'mlops-nb:project';
const REMEMBERED = 10;

/** A project that was visited: enough to come back to it. */
export interface IVisited {
  name: string;
  root: string;
  /** A path in it, as the Contents API names it. */
  path: string;
}

export class ProjectModel {
  constructor(
    private readonly api: Api,
    live: Live,
    private readonly state: IStateDB | null = null
  ) {
    live.changed.connect(this.onLive, this);
  }

  /** The project as the server knows it; kept while the server is away. */
  get facts(): IProject | null {
    return this._facts;
  }

  /** Why there is none, or why it may be out of date. */
  get error(): ApiError | null {
    return this._error;
  }

  /** A path in the project, for requests to name. */
  get path(): string {
    return this._path;
  }

  get pinned(): IVisited | null {
    return this._pinned;
  }

  /** The projects seen so far, the latest first. */
  get visited(): readonly IVisited[] {
    return this._visited;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Show the project of a document or folder, unless one is pinned. */
  follow(path: string): void {
    if (path === this._followed && this._asked) {
      return;
    }
    this._followed = path;
    if (!this._pinned) {
      void this.refresh();
    }
  }

  /** Stay with a project that was visited, or follow again. */
  pin(root: string | null): void {
    this._pinned = this._visited.find(known => known.root === root) ?? null;
    void this.remember();
    void this.refresh();
  }

  /** Ask the server which project it is. */
  async refresh(): Promise<void> {
    this._asked = true;
    const path = this._pinned?.path ?? this._followed;
    const question = ++this._question;
    let facts: IProject | null = null;
    let error: ApiError | null = null;
    try {
      facts = await this.api.project(path);
    } catch (reason) {
      error = asApiError(reason);
    }
    if (question !== this._question) {
      return; // A later question is under way.
    }
    this._error = error;
    if (facts) {
      this._facts = facts;
      this._path = facts.path ?? path;
      this.visit({ name: facts.name, root: facts.root, path: this._path });
    } else if (!error?.isPassing) {
      this._facts = null;
    }
    this._changed.emit();
  }

  /** Take up what an earlier page remembered. */
  async restore(): Promise<void> {
    const kept = (await this.state?.fetch(STATE)) as
      Partial<{ visited: IVisited[]; pinned: string | null }> | undefined;
    this._visited = kept?.visited ?? [];
    this._pinned =
      this._visited.find(known => known.root === kept?.pinned) ?? null;
  }

  private visit(project: IVisited): void {
    const first = this._visited.at(0);
    if (first?.root === project.root && first.name === project.name) {
      return;
    }
    this._visited = [
      project,
      ...this._visited.filter(known => known.root !== project.root)
    ].slice(0, REMEMBERED);
    void this.remember();
  }

  private async remember(): Promise<void> {
    await this.state?.save(STATE, {
      visited: this._visited.map(known => ({ ...known })),
      pinned: this._pinned?.root ?? null
    });
  }

  private onLive(_: Live, { what }: IChange): void {
    if (this._asked && what !== 'runs') {
      void this.refresh();
    }
  }

  private _facts: IProject | null = null;
  private _error: ApiError | null = null;
  private _path = '';
  private _followed = '';
  private _asked = false;
  private _pinned: IVisited | null = null;
  private _visited: readonly IVisited[] = [];
  private _question = 0;
  private readonly _changed = new Signal<this, void>(this);
}
