import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import { MessagePages } from '../protocol/message-pages.ts';
import { ProtocolMemory } from '../protocol/memory.ts';
import { FramePool } from '../protocol/outgoing/frame-pool.ts';
import { PACKING_BYTES, PackingTable } from '../protocol/outgoing/packing-table.ts';
import { simdMemory } from '../protocol/simd.ts';
import { TextSlab } from '../protocol/text-slab.ts';
import { type Clock, systemClock } from './clock.ts';
import { DeadlineQueue } from './deadlines.ts';
import { FlushQueue } from './flush-queue.ts';
import { MemoryBudget } from './memory-budget.ts';
import { type RandomSource, systemRandom } from './random.ts';
import { READ_BYTES, ReadMemory } from './read-memory.ts';
import { ReadTurns } from './read-turns.ts';
import { NodeZlib } from './zlib/zlib.ts';

/** Parts of an engine that a test can replace. */
export interface EngineParts {
  /** Default: the platform's clock. */
  readonly clock?: Clock;
  /** Default: the platform's random numbers. */
  readonly random?: RandomSource;
  /** Memory for the buffers that connections share, at least 256 KiB. Default: ordinary memory. */
  readonly memory?: Buffer | undefined;
}

/** A connection that reads this much at once moves more than control frames and small messages. */
const LARGE_READ_BYTES = 1_024;
/** Turns with writes after which a process counts as one that moves messages. */
const BUSY_AFTER_TURNS = 64;
/**
 * glibc keeps up to twice this size; it ignores blocks from 32 MiB on. V8 frees dead messages when they reach 32 MB.
 */
const EXAMPLE_BYTES = 25_165_824;

/** A class with one object per engine. */
export type PartClass<Part extends object> = new (engine: Engine) => Part;

/**
 * What the connections of one process share. Servers and clients use {@link defaultEngine}; a test creates an engine of
 * its own. Nothing that happens in one engine affects another.
 */
export class Engine extends ProtocolMemory {
  /** Clock of servers and clients that have no `clock` option. */
  readonly clock: Clock;
  /** Random numbers of servers and clients that have no `random` option. */
  readonly random: RandomSource;
  /** Budget of servers and clients that have no `memoryBudget` option. */
  readonly memoryBudget: MemoryBudget = new MemoryBudget();
  readonly flushQueue: FlushQueue = new FlushQueue();
  /** Memory of broadcast frames. */
  readonly framePool: FramePool = new FramePool();
  readonly readTurns: ReadTurns = new ReadTurns();
  readonly readMemory: ReadMemory;
  readonly zlib: NodeZlib = new NodeZlib();
  #retainsFreed = false;
  /** Turns with writes until freed memory is retained; 0 if it is not wanted, or is already. */
  #turnsUntilBusy = 0;
  readonly #parts = new Map<PartClass<object>, object>();
  readonly #deadlines = new WeakMap<Clock, DeadlineQueue>();

  constructor({ clock = systemClock, random = systemRandom, memory }: EngineParts = {}) {
    const { buffer, byteOffset } = memory ?? Buffer.allocUnsafeSlow(PACKING_BYTES + READ_BYTES);
    super(
      new PackingTable(Buffer.from(buffer, byteOffset, PACKING_BYTES)),
      new TextSlab((bytes) => Buffer.from(sharedMemory(bytes))),
      new MessagePages(sharedMemory),
    );
    this.readMemory = new ReadMemory(Buffer.from(buffer, byteOffset + PACKING_BYTES, READ_BYTES));
    this.clock = clock;
    this.random = random;
    this.flushQueue.onSliceEnd(() => {
      this.joinedRun.forget();
      this.repeated.forget();
      if (this.flushQueue.isEmpty) this.framePool.forget();
      if (this.#turnsUntilBusy > 0 && --this.#turnsUntilBusy === 0) adaptAllocator();
    });
  }

  /**
   * Makes glibc keep the memory that messages have freed, from the first {@link noteRead} of a large read or after some turns
   * with writes. Until then it returns what start and handshakes have freed. Later calls do nothing.
   */
  retainFreedMemory(): void {
    if (this.#retainsFreed) return;
    this.#retainsFreed = true;
    this.#turnsUntilBusy = BUSY_AFTER_TURNS;
  }

  /** Call with the size of each read. */
  noteRead(bytes: number): void {
    if (bytes < LARGE_READ_BYTES || this.#turnsUntilBusy === 0) return;
    this.#turnsUntilBusy = 0;
    adaptAllocator();
  }

  /** Returns the one queue of all connections that use `clock`. */
  deadlinesOf(clock: Clock): DeadlineQueue {
    let queue = this.#deadlines.get(clock);
    if (queue === undefined) {
      queue = new DeadlineQueue(clock);
      this.#deadlines.set(clock, queue);
    }
    return queue;
  }

  /**
   * Returns this engine's object of class `Part`, created on the first call. Higher layers share their objects this
   * way.
   */
  part<Part extends object>(Part: PartClass<Part>): Part {
    let part = this.#parts.get(Part) as Part | undefined;
    if (part === undefined) {
      part = new Part(this);
      this.#parts.set(Part, part);
    }
    return part;
  }
}

/**
 * glibc returns freed memory to the system, and each page that comes back costs a page fault; a message of 64 KiB has 16 pages
 * (decision 0011). It adapts to the largest block that it has seen freed; this one is never written, so it costs only an address
 * range. `MALLOC_TRIM_THRESHOLD_` and `MALLOC_MMAP_THRESHOLD_` override it, and other allocators ignore it.
 */
function adaptAllocator(): void {
  Buffer.allocUnsafeSlow(EXAMPLE_BYTES);
}

/** Memory of several messages: transferring one of them to a worker would detach the others. */
function sharedMemory(bytes: number): ArrayBuffer {
  const memory = new ArrayBuffer(bytes);
  markAsUntransferable(memory);
  return memory;
}

/** The engine of this process. Its buffers are in SIMD memory, where masking is fastest. */
export const defaultEngine: Engine = new Engine({ memory: simdMemory });
