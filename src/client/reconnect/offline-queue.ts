import { ENTRY_BYTES } from '../../protocol/limits.ts';
import type { OfflineQueueSettings } from '../../options/retry-options.ts';

/** A message that was not sent and never will be. */
export interface UnsentMessage {
  /** Size of the payload; text as UTF-8. */
  readonly bytes: number;
  /** `full`: no room in the queue. `expired`: queued longer than `ttlMs`. `offline`: there is no queue, or the client has ended. */
  readonly why: 'full' | 'expired' | 'offline';
}

/** What a queue has to know of payloads; they differ between Node and browsers. */
export interface PayloadTools<Payload, Options> {
  /** @throws MisuseError `ERR_ARGUMENT` for an invalid payload. */
  bytesOf(payload: Payload, options: Options): number;
  /** A copy whose bytes the application cannot change. */
  copyOf(payload: Payload, options: Options): Payload;
}

interface Entry<Payload, Options> {
  readonly payload: Payload;
  readonly options: Options;
  readonly bytes: number;
  readonly dueMs: number;
}

/** Messages that are queued until there is a connection, in order. No timer: expired messages are dropped lazily. */
export class OfflineQueue<Payload, Options = undefined> {
  /** Size of the queue: the bytes of all payloads, plus {@link ENTRY_BYTES} per message. */
  bytes = 0;
  readonly #settings: OfflineQueueSettings;
  readonly #unsent: (message: UnsentMessage) => void;
  /** The queue of an idle client has none. */
  #entries: Entry<Payload, Options>[] | undefined;
  #next = 0;
  readonly #tools: PayloadTools<Payload, Options>;

  constructor(
    settings: OfflineQueueSettings,
    unsent: (message: UnsentMessage) => void,
    tools: PayloadTools<Payload, Options>,
  ) {
    this.#settings = settings;
    this.#unsent = unsent;
    this.#tools = tools;
  }

  get size(): number {
    return this.#entries === undefined ? 0 : this.#entries.length - this.#next;
  }

  /**
   * Queues a message. The queue copies bytes, so the caller may change them at once.
   * @returns Whether the queue had room.
   * @throws MisuseError `ERR_ARGUMENT` for an invalid payload.
   */
  push(payload: Payload, options: Options, nowMs: number): boolean {
    const bytes = this.#tools.bytesOf(payload, options);
    this.#expire(nowMs);
    if (
      this.size >= this.#settings.maxMessages ||
      this.bytes + ENTRY_BYTES + bytes > this.#settings.maxBytes
    ) {
      this.#unsent({ bytes, why: 'full' });
      return false;
    }
    const kept = this.#tools.copyOf(payload, options);
    (this.#entries ??= []).push({ payload: kept, options, bytes, dueMs: nowMs + this.#settings.ttlMs });
    this.bytes += ENTRY_BYTES + bytes;
    return true;
  }

  /**
   * Removes and sends the messages in order, until `send` returns false.
   * @returns Whether the queue is empty.
   */
  flush(nowMs: number, send: (payload: Payload, options: Options) => boolean): boolean {
    for (this.#expire(nowMs); this.size > 0; ) {
      const { payload, options } = this.#take();
      if (!send(payload, options)) break;
    }
    return this.size === 0;
  }

  /** Drops all messages. */
  drop(): void {
    while (this.size > 0) this.#unsent({ bytes: this.#take().bytes, why: 'offline' });
  }

  #expire(nowMs: number): void {
    while (this.size > 0 && nowMs > this.#entries![this.#next]!.dueMs) {
      this.#unsent({ bytes: this.#take().bytes, why: 'expired' });
    }
  }

  #take(): Entry<Payload, Options> {
    const entries = this.#entries!;
    const entry = entries[this.#next++]!;
    this.bytes -= ENTRY_BYTES + entry.bytes;
    if (this.#next === entries.length) {
      this.#entries = undefined;
      this.#next = 0;
    } else if (this.#next > 64 && this.#next * 2 > entries.length) {
      this.#entries = entries.slice(this.#next);
      this.#next = 0;
    }
    return entry;
  }
}
