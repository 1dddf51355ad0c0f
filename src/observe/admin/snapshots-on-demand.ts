import type { Clock } from '../../engine/clock.ts';
import { paceOf } from './slices.ts';
import type { AdminSnapshot, AdminView } from './snapshot.ts';
import { Snapshots } from './snapshots.ts';
import type { AdminSubject } from './subject.ts';
import { keyOf } from './view.ts';

/** After this time without a call, the next snapshot is a first one, and nothing is measured. */
const REST_AFTER_MS = 5_000;

/** Snapshots for a caller instead of a viewer: one at a time, because rates are differences between two of them. */
export class SnapshotsOnDemand {
  readonly #snapshots: Snapshots;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #timer: unknown;

  /** @param asksCluster Whether it asks the other servers. */
  constructor(subject: AdminSubject, asksCluster: boolean) {
    this.#clock = subject.clock;
    this.#snapshots = new Snapshots(subject, paceOf(subject.clock), asksCluster);
  }

  /** @returns A snapshot for each view. */
  take(views: readonly AdminView[]): Promise<readonly AdminSnapshot[]> {
    const taking = this.#last.then(async () => {
      this.#clock.clearTimer(this.#timer);
      const taken = await this.#snapshots.take(views, () => true);
      this.#timer = this.#clock.setTimer(() => this.#snapshots.rest(), REST_AFTER_MS);
      return views.map((view) => taken!.get(keyOf(view))!);
    });
    this.#last = taking.catch(() => undefined);
    return taking;
  }

  /** Measures nothing any more. */
  stop(): void {
    this.#clock.clearTimer(this.#timer);
    this.#snapshots.rest();
  }
}
