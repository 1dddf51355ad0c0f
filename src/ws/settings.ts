import { type ConnectionContext, newTrafficCounters } from '../connection/owner.ts';
import type { Engine } from '../engine/engine.ts';
import { MemoryBudget } from '../engine/memory-budget.ts';
import { KeyPool } from '../client/key-pool.ts';
import type { ConnectionSettings } from '../options/connection-settings.ts';
import { DEFAULT_CONNECTION_OPTIONS, DEFAULT_DEFLATE_SETTINGS } from '../options/resolve-options.ts';
import type { DeflateSettings } from '../protocol/deflate/compressor.ts';
import type { PerMessageDeflateOptions } from './options.ts';
import type { LinkOptions } from './settings-options.ts';

/** Memory that all connections of this entry point may hold together, in bytes. */
const BUDGET_BYTES = 1_073_741_824;
/** Length of the longest string, in bytes: the limit without a limit. */
const MAX_MESSAGE_BYTES = 536_870_888;
const MAX_FRAGMENTS = 16_777_216;
const MAX_PENDING_PONGS = 65_536;
const DEFAULT_LEVEL = 3;
const ZLIB_DEFAULT_LEVEL = 6;
/** Different settings that are kept; more than a program has. */
const MAX_KEPT = 64;

/** A limit of `ws`, where 0 and what is no number mean none. */
const limit = (value: number | undefined, most: number): number =>
  typeof value === 'number' && value >= 1 ? Math.min(Math.floor(value), most) : most;

/** How messages are compressed: the options that say nothing about the handshake. */
export function deflateSettings(options: PerMessageDeflateOptions): DeflateSettings {
  const { threshold, zlibDeflateOptions } = options;
  const level = zlibDeflateOptions?.level ?? DEFAULT_LEVEL;
  return {
    ...DEFAULT_DEFLATE_SETTINGS,
    thresholdBytes: threshold ?? DEFAULT_DEFLATE_SETTINGS.thresholdBytes,
    level: level < 0 ? ZLIB_DEFAULT_LEVEL : level,
    memLevel: zlibDeflateOptions?.memLevel ?? DEFAULT_DEFLATE_SETTINGS.memLevel,
  };
}

/** What the connections of this entry point share in one engine. */
export class WsShared {
  readonly keys: KeyPool;
  readonly #engine: Engine;
  readonly #budget = new MemoryBudget({ maxBytes: BUDGET_BYTES });
  readonly #counters = newTrafficCounters();
  /** Equal options give one object, so connections hold no copy. */
  readonly #contexts = new Map<string, ConnectionContext>();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.keys = new KeyPool(engine.random);
    engine.retainFreedMemory();
  }

  contextOf(options: LinkOptions, deflate: DeflateSettings | undefined): ConnectionContext {
    const { autoPong, closeTimeout, maxFragments, maxPayload, maxPendingAutoPongs } = options;
    const compression =
      deflate === undefined ? '' : [deflate.thresholdBytes, deflate.level, deflate.memLevel].join();
    const key = [autoPong, closeTimeout, maxFragments, maxPayload, maxPendingAutoPongs, compression].join(
      '/',
    );
    let context = this.#contexts.get(key);
    if (context === undefined) {
      context = this.#newContext(options, deflate);
      if (this.#contexts.size === MAX_KEPT) this.#contexts.clear();
      this.#contexts.set(key, context);
    }
    return context;
  }

  #newContext(options: LinkOptions, deflate: DeflateSettings | undefined): ConnectionContext {
    const engine = this.#engine;
    const maxMessageBytes = limit(options.maxPayload, MAX_MESSAGE_BYTES);
    const settings: ConnectionSettings = Object.freeze({
      ...DEFAULT_CONNECTION_OPTIONS,
      maxMessageBytes,
      maxFrameBytes: maxMessageBytes,
      maxFragments: limit(options.maxFragments, MAX_FRAGMENTS),
      maxPendingPongs: limit(options.maxPendingAutoPongs, MAX_PENDING_PONGS),
      heartbeat: false,
      idleTimeoutMs: false,
      messageTimeoutMs: Number.POSITIVE_INFINITY,
      writeTimeoutMs: Number.POSITIVE_INFINITY,
      closeTimeoutMs: options.closeTimeout ?? 30_000,
      textAs: 'buffer',
      memoryBudget: this.#budget,
      perMessageDeflate: deflate ?? false,
      closeReasons: 'echo',
      autoPong: options.autoPong !== false,
    } as const);
    return {
      settings,
      counters: this.#counters,
      meter: undefined,
      messageTracer: undefined,
      deadlines: engine.deadlinesOf(engine.clock),
      random: engine.random,
      engine,
    };
  }
}
