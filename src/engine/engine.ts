import { ProtocolMemory } from '../protocol/memory.ts';
import { maskableMemory } from '../protocol/simd.ts';
import { type Clock, systemClock } from './clock.ts';
import { DeadlineQueue } from './deadlines.ts';
import { FlushQueue } from './flush-queue.ts';
import { MemoryBudget } from './memory-budget.ts';
import { PACKING_BYTES, PackingTable } from '../protocol/outgoing/packing-table.ts';
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
export class Engine extends ProtocolMemory {
  /** Time of servers and clients whose options name no clock. */
  readonly clock: Clock;
  /** Chance of servers and clients whose options name no source. */
  readonly random: RandomSource;
  /** The budget of servers and clients whose options name none. */
  readonly memoryBudget: MemoryBudget = new MemoryBudget();
  readonly flushQueue: FlushQueue = new FlushQueue();
  readonly readTurns: ReadTurns = new ReadTurns();
  readonly #deadlines = new WeakMap<Clock, DeadlineQueue>();

  constructor({ clock = systemClock, random = systemRandom }: EngineParts = {}) {
    super(new PackingTable(maskableMemory(PACKING_BYTES)));
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
