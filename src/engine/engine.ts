import { JoinedRun } from '../protocol/outgoing/joined-run.ts';
import { ReusableBytes } from '../protocol/reusable-bytes.ts';
import { type Clock, systemClock } from './clock.ts';
import { DeadlineQueue } from './deadlines.ts';
import { FlushQueue } from './flush-queue.ts';
import { MemoryBudget } from './memory-budget.ts';
import { PackingTable } from '../protocol/outgoing/packing-table.ts';
import { type RandomSource, systemRandom } from './random.ts';
import { ReadTurns } from './read-turns.ts';

/** What an engine takes from outside; a test hands in its own. */
export interface EngineParts {
  /** Default: the platform's. */
  readonly clock?: Clock;
  /** Default: the platform's. */
  readonly random?: RandomSource;
}

/**
 * What the connections of one process share. Servers and clients go by {@link defaultEngine}; a test makes an engine of its
 * own, and nothing that happens in one engine reaches another.
 */
export class Engine {
  /** Time of servers and clients whose options name no clock. */
  readonly clock: Clock;
  /** Chance of servers and clients whose options name no source. */
  readonly random: RandomSource;
  /** The budget of servers and clients whose options name none. */
  readonly memoryBudget: MemoryBudget = new MemoryBudget();
  readonly flushQueue: FlushQueue = new FlushQueue();
  readonly readTurns: ReadTurns = new ReadTurns();
  /** Small frames of the connection that is being served. */
  readonly packingTable: PackingTable = new PackingTable();
  readonly joinedRun: JoinedRun = new JoinedRun();
  /** The message that is being delivered: every connection may send on what another one has received. */
  readonly reusableBytes: ReusableBytes = new ReusableBytes();
  readonly #deadlines = new WeakMap<Clock, DeadlineQueue>();

  constructor({ clock = systemClock, random = systemRandom }: EngineParts = {}) {
    this.clock = clock;
    this.random = random;
    this.flushQueue.onSliceEnd(() => this.joinedRun.forget());
  }

  /** The one queue of all connections that go by `clock`. */
  deadlinesOf(clock: Clock): DeadlineQueue {
    let queue = this.#deadlines.get(clock);
    if (queue === undefined) {
      queue = new DeadlineQueue(clock);
      this.#deadlines.set(clock, queue);
    }
    return queue;
  }
}

/** The engine of this process. */
export const defaultEngine: Engine = new Engine();
