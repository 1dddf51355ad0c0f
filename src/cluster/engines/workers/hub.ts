import type { Clock } from '../../../engine/clock.ts';
import type { RandomSource } from '../../../engine/random.ts';
import type { AdminSnapshot, AdminView } from '../../../observe/admin/snapshot.ts';
import { Warnings } from '../../../connection/warnings.ts';
import { HubMember, type HubPort } from './hub-member.ts';
import { HubTopics } from './hub-topics.ts';
import {
  countersOf,
  type Families,
  mergeFamilies,
  oneValue,
  readFamilies,
  type Shared,
  writeFamilies,
} from './merge-metrics.ts';

/** Most bytes of histories that the hub holds. */
const MAX_HISTORY_BYTES = 67_108_864;
/** A worker that acknowledges nothing for this long is dead. */
const DEAD_MS = 10_000;

/** What a {@link Hub} takes of the engine of its process. */
export interface HubHost {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Runs a function at the end of the turn. Default: `setImmediate`. */
  readonly soon?: (callback: () => void) => void;
}

/** Limits that a test replaces. */
export interface HubLimits {
  readonly maxHistoryBytes?: number;
  readonly deadMs?: number;
}

/** Joins the workers of this process: holds what they share, and hears what each of them knows. */
export class Hub {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly topics: HubTopics;
  readonly #members = new Set<HubMember>();
  /** The workers of all members so far: a second member would read the same channel. */
  readonly #workers = new WeakSet<object>();
  readonly #warnings = new Warnings(undefined);
  readonly #soon: (callback: () => void) => void;
  readonly #deadMs: number;
  /** The last metrics of each worker. */
  readonly #readings = new Map<HubMember, Families>();
  /** Counters of workers that ended. */
  #ended: Families = new Map();
  #exits = 0;

  constructor(
    { clock, random, soon = (callback) => void setImmediate(callback) }: HubHost,
    limits: HubLimits = {},
  ) {
    const { maxHistoryBytes = MAX_HISTORY_BYTES, deadMs = DEAD_MS } = limits;
    this.clock = clock;
    this.random = random;
    this.topics = new HubTopics(clock, maxHistoryBytes);
    this.#soon = soon;
    this.#deadMs = deadMs;
  }

  /** Remembers a worker. @returns Whether it was unknown. */
  claim(worker: object): boolean {
    if (this.#workers.has(worker)) return false;
    this.#workers.add(worker);
    return true;
  }

  /**
   * Accepts a worker.
   * @param killed Called if the hub killed it.
   */
  join(port: HubPort, killed: (error: Error) => void = () => undefined): HubMember {
    const member = new HubMember({
      port,
      topics: this.topics,
      clock: this.clock,
      soon: this.#soon,
      deadMs: this.#deadMs,
      killed: (error) => {
        this.#warnings.mistake(
          'HAWSER_ENGINE',
          `killed ${port.kind} ${port.id}`,
          `killed ${port.kind} ${port.id}: ${error.message}`,
        );
        killed(error);
      },
      slow: () =>
        this.#warnings.mistake(
          'HAWSER_ENGINE',
          'serialization',
          "workers are not forked with serialization: 'advanced', so every message is sent as base64: call cluster.setupPrimary({ serialization: 'advanced' }) before the first fork",
        ),
    });
    this.#members.add(member);
    return member;
  }

  /** A worker has gone. */
  leave(member: HubMember): void {
    if (!this.#members.delete(member)) return;
    this.#exits++;
    const reading = this.#readings.get(member);
    this.#readings.delete(member);
    if (reading !== undefined)
      this.#ended = mergeFamilies([this.#ended, countersOf(reading, sharedBy(member))], 'machine');
    member.end();
  }

  /** The metrics of all workers as one text. A worker that does not answer in time counts with its last answer. */
  async metrics(deadlineMs: number): Promise<string> {
    await this.#within(
      deadlineMs,
      [...this.#members].map(async (member) => {
        const text = await member.ask('metrics', deadlineMs);
        if (text !== undefined && this.#members.has(member)) this.#readings.set(member, readFamilies(text));
      }),
    );
    const of = (kind: Shared): Families[] =>
      [...this.#readings].filter(([member]) => sharedBy(member) === kind).map(([, reading]) => reading);
    const threads = mergeFamilies(of('process'), 'process');
    const all = mergeFamilies([...of('machine'), threads, this.#ended], 'machine');
    return (
      writeFamilies(all) +
      oneValue(
        'hawser_workers',
        'gauge',
        'Workers that talk to the hub now',
        [...this.#members].filter(({ isOpen }) => isOpen).length,
      ) +
      oneValue(
        'hawser_hub_channels',
        'gauge',
        'Topics that workers are interested in, messages and members apart',
        this.topics.channelCount,
      ) +
      oneValue('hawser_worker_exits_total', 'counter', 'Workers that ended', this.#exits) +
      oneValue('hawser_hub_history_bytes', 'gauge', 'Bytes of histories in the hub', this.topics.historyBytes)
    );
  }

  /**
   * Asks all workers for their snapshots.
   * @returns For each worker that answered in time, by the id of its port: the snapshots of each of its servers, one for each view.
   */
  async snapshots(
    views: readonly AdminView[],
    deadlineMs: number,
  ): Promise<ReadonlyMap<number, readonly (readonly AdminSnapshot[])[]>> {
    const found = new Map<number, readonly (readonly AdminSnapshot[])[]>();
    await this.#within(
      deadlineMs,
      [...this.#members].map(async (member) => {
        const text = await member.ask('snapshots', views);
        if (text !== undefined) found.set(member.port.id, JSON.parse(text) as AdminSnapshot[][]);
      }),
    );
    // An answer that is late changes nothing.
    return new Map(found);
  }

  async #within(deadlineMs: number, calls: readonly Promise<void>[]): Promise<void> {
    let timer: unknown;
    const elapsed = new Promise<void>((resolve) => {
      timer = this.clock.setTimer(resolve, deadlineMs);
    });
    await Promise.race([Promise.all(calls), elapsed]);
    this.clock.clearTimer(timer);
  }
}

const sharedBy = ({ port }: HubMember): Shared => (port.kind === 'thread' ? 'process' : 'machine');
