import type { Connection } from '../../connection/connection.ts';
import type { Clock } from '../../engine/clock.ts';
import type { AdminView } from './snapshot.ts';
import type { SnapshotSource } from './content.ts';
import { DEFAULT_VIEW, keyOf, readView } from './view.ts';

const EVERY_MS = 1_000;

/** Sends snapshots to the viewers of `/live`: one a second, and nothing is computed while there is no viewer. */
export class LiveFeed {
  readonly #snapshots: SnapshotSource;
  readonly #clock: Clock;
  readonly #viewers = new Map<Connection, AdminView>();
  #timer: unknown;
  #isTaking = false;
  #takenAtMs = Number.NEGATIVE_INFINITY;

  constructor(snapshots: SnapshotSource, clock: Clock) {
    this.#snapshots = snapshots;
    this.#clock = clock;
  }

  add(viewer: Connection): void {
    this.#viewers.set(viewer, DEFAULT_VIEW);
    viewer.on('message', (message) => this.#received(viewer, message));
    viewer.on('close', () => this.#remove(viewer));
    this.#plan();
  }

  /** Sends a last snapshot, without waiting for the second to pass. */
  async finish(): Promise<void> {
    this.#clock.clearTimer(this.#timer);
    await this.#take();
    this.#viewers.clear();
    this.#rest();
  }

  #received(viewer: Connection, message: unknown): void {
    const view = readView(parsed(message), this.#viewers.get(viewer));
    if (typeof view === 'string') viewer.close(1008, view);
    else if (this.#viewers.has(viewer)) this.#viewers.set(viewer, view);
  }

  #remove(viewer: Connection): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size === 0) this.#rest();
  }

  /** Plans the next snapshot: at once for the first viewer, and never two within a second. */
  #plan(): void {
    if (this.#timer !== undefined || this.#isTaking || this.#viewers.size === 0) return;
    const delayMs = Math.max(0, this.#takenAtMs + EVERY_MS - this.#clock.now());
    const take = (): void => {
      this.#timer = undefined;
      void this.#take().then(() => this.#plan());
    };
    this.#timer = this.#clock.setTimer(take, delayMs);
  }

  #rest(): void {
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#snapshots.rest();
  }

  async #take(): Promise<void> {
    if (this.#isTaking || this.#viewers.size === 0) return;
    this.#isTaking = true;
    this.#takenAtMs = this.#clock.now();
    // A viewer that has not read the last snapshot does not get another one.
    const ready = [...this.#viewers].filter(([{ bufferedBytes }]) => bufferedBytes === 0);
    const views = new Map(ready.map(([, view]) => [keyOf(view), view]));
    const taken = await this.#snapshots.take([...views.values()], () => this.#viewers.size > 0);
    this.#isTaking = false;
    if (taken === undefined) {
      this.#snapshots.rest();
      return;
    }
    const texts = new Map([...taken].map(([key, snapshot]) => [key, JSON.stringify(snapshot)]));
    for (const [viewer, view] of ready) viewer.send(texts.get(keyOf(view))!);
  }
}

function parsed(message: unknown): unknown {
  try {
    return typeof message === 'string' ? JSON.parse(message) : undefined;
  } catch {
    return undefined;
  }
}
