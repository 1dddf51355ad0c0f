import type { MemoryBudget } from '../engine/memory-budget.ts';
import type { DeflateSettings } from '../protocol/deflate/compressor.ts';
import type { HeartbeatSettings } from '../protocol/heartbeat.ts';
import type { ProtocolLimits } from '../protocol/limits.ts';

/** Resolved options of a connection; one object for all connections of a server. Times in ms. */
export interface ConnectionSettings extends ProtocolLimits, HeartbeatSettings {
  readonly heartbeat: boolean;
  readonly idleTimeoutMs: number | false;
  /** Infinite for none; the options of servers and clients are finite. */
  readonly messageTimeoutMs: number;
  /** As `messageTimeoutMs`. */
  readonly writeTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly expiryWarningMs: number;
  readonly maxLifetimeMs: number | false;
  readonly rateLimit: RateLimit | false;
  readonly highWaterMarkBytes: number;
  readonly maxBufferedBytes: number;
  readonly onOverflow: 'close' | 'drop-newest' | 'drop-oldest' | 'conflate';
  readonly textAs: 'string' | 'buffer';
  readonly retainFreedMemory: boolean;
  readonly receiveAheadBytes: number;
  readonly maxConcurrentMessages: number;
  readonly memoryBudget: MemoryBudget;
  readonly perMessageDeflate: false | DeflateSettings;
  /** As in `ProtocolOptions`. */
  readonly closeReasons?: 'own' | 'echo' | undefined;
  /** As in `ProtocolOptions`. */
  readonly autoPong?: boolean | undefined;
}

/** Resolved rate limits, bursts filled in. `undefined` means no limit. */
export interface RateLimit {
  readonly messagesPerSecond: number | undefined;
  readonly burstMessages: number | undefined;
  readonly bytesPerSecond: number | undefined;
  readonly burstBytes: number | undefined;
  readonly action: 'close' | 'throttle';
  readonly closeCode: number;
  /** Names the key of a connection; its result is not checked yet. Only on servers. */
  readonly key?: ((connection: never) => unknown) | undefined;
}
