import { ENTRY_BYTES } from '../../protocol/limits.ts';
import type { Position } from '../../server/groups/topic.ts';
import type { Batch, HistoryLimits, HistoryRead, Published } from '../engine.ts';
import { Fifo } from '../fifo.ts';

/** What a history without messages counts as, besides its name: the objects that hold its position. */
const HISTORY_BYTES = 512;

/** Most nodes whose last batch a history knows. */
const MAX_NODES = 1_024;

/** The messages and the position of one topic. */
interface History {
  readonly topic: string;
  epoch: string;
  /** Offset of the last message; 0 before the first. */
  offset: number;
  readonly entries: Fifo<Uint8Array>;
  /** Of `entries`, without what the queue counts for each. */
  bytes: number;
  publishedMs: number;
  usedMs: number;
  ttlMs: number;
  positionTtlMs: number;
  /** The last batch of each node, by which a batch that is sent again is recognised. */
  readonly batches: Map<string, { seq: number; first: number }>;
}

/**
 * The histories of topics in the memory of this process. Entries are kept, not copied: they must not change. Expired messages are
 * dropped lazily, and by {@link sweep}. Over `maxBytes`, the messages of the topics that were published to least recently
 * are dropped, then their positions.
 */
export class Histories {
  readonly #maxBytes: number;
  /** In the order of the last publish or read. */
  readonly #histories = new Map<string, History>();
  /** The last of them. */
  #newest: History | undefined;
  #bytes = 0;

  /** @param maxBytes Of all histories. Every message counts 128 bytes more than its entry, every topic 512, and 128 for each node beyond one that publishes. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Number of topics with a position. */
  get size(): number {
    return this.#histories.size;
  }

  /** What all histories count as. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Numbers and stores a batch; one that was stored before is only recognised. */
  append(batch: Batch, limits: HistoryLimits, nowMs: number): Published {
    const history = this.#open(batch.topic, limits, nowMs);
    const { epoch } = history;
    const last = history.batches.get(batch.node) ?? this.#addNode(history, batch.node);
    // Not only if `again`: the first call may have been slow, and come after the second one.
    if (last.seq >= batch.seq) return { epoch, first: last.first, again: true };
    const first = history.offset + 1;
    for (const entry of batch.entries) {
      history.entries.push(entry);
      history.bytes += entry.length;
      this.#bytes += entry.length + ENTRY_BYTES;
    }
    history.offset += batch.entries.length;
    history.publishedMs = nowMs;
    last.seq = batch.seq;
    last.first = first;
    while (history.entries.size > limits.maxMessages || history.bytes > limits.maxBytes)
      this.#dropOldest(history);
    if (this.#bytes > this.#maxBytes) this.#shrink();
    return { epoch, first, again: false };
  }

  /** Reads what follows `since`, or all; creates the position of a topic without one. */
  read(topic: string, since: Position | undefined, limits: HistoryLimits, nowMs: number): HistoryRead {
    const history = this.#open(topic, limits, nowMs);
    const { epoch, offset: top, entries } = history;
    const oldest = top - entries.size + 1;
    const first = since?.epoch === epoch ? Math.min(Math.max(since.offset + 1, oldest), top + 1) : oldest;
    if (this.#bytes > this.#maxBytes) this.#shrink();
    return { epoch, top, first, entries: entries.from(first - oldest) };
  }

  position(topic: string, nowMs: number): Position | undefined {
    const history = this.#histories.get(topic);
    if (history === undefined || this.#expired(history, nowMs)) return undefined;
    return { epoch: history.epoch, offset: history.offset };
  }

  /** Drops what has expired. */
  sweep(nowMs: number): void {
    for (const history of this.#histories.values()) this.#expired(history, nowMs);
  }

  clear(): void {
    this.#histories.clear();
    this.#newest = undefined;
    this.#bytes = 0;
  }

  #open(topic: string, limits: HistoryLimits, nowMs: number): History {
    let history = this.#histories.get(topic);
    if (history === undefined || this.#expired(history, nowMs)) {
      history = {
        topic,
        epoch: limits.candidateEpoch,
        offset: 0,
        entries: new Fifo(),
        bytes: 0,
        publishedMs: nowMs,
        usedMs: nowMs,
        ttlMs: 0,
        positionTtlMs: 0,
        batches: new Map(),
      };
      this.#bytes += HISTORY_BYTES + topic.length;
    } else if (history !== this.#newest) this.#histories.delete(topic);
    if (history !== this.#newest) {
      this.#newest = history;
      this.#histories.set(topic, history);
    }
    history.usedMs = nowMs;
    history.ttlMs = limits.ttlMs;
    history.positionTtlMs = limits.positionTtlMs;
    return history;
  }

  /** Drops what has expired of a history. @returns Whether that was its position, too. */
  #expired(history: History, nowMs: number): boolean {
    if (nowMs - history.publishedMs >= history.ttlMs) this.#dropEntries(history);
    if (nowMs - history.usedMs < history.positionTtlMs) return false;
    this.#delete(history);
    return true;
  }

  #addNode({ batches }: History, node: string): { seq: number; first: number } {
    const last = { seq: -1, first: 0 };
    if (batches.size === MAX_NODES) {
      const [oldest] = batches.keys();
      batches.delete(oldest!);
    } else if (batches.size > 0) this.#bytes += ENTRY_BYTES;
    batches.set(node, last);
    return last;
  }

  #dropOldest(history: History): void {
    const { length } = history.entries.shift()!;
    history.bytes -= length;
    this.#bytes -= length + ENTRY_BYTES;
  }

  #dropEntries(history: History): void {
    this.#bytes -= history.bytes + history.entries.size * ENTRY_BYTES;
    history.bytes = 0;
    history.entries.clear();
  }

  #delete(history: History): void {
    this.#dropEntries(history);
    this.#bytes -= HISTORY_BYTES + history.topic.length + Math.max(0, history.batches.size - 1) * ENTRY_BYTES;
    this.#histories.delete(history.topic);
    if (this.#newest === history) this.#newest = undefined;
  }

  /** Frees an eighth of the limit, so that a publish seldom pays for it. The topic used last keeps its position. */
  #shrink(): void {
    const target = this.#maxBytes - this.#maxBytes / 8;
    for (const history of this.#histories.values()) {
      if (this.#bytes <= target) return;
      this.#dropEntries(history);
    }
    for (const history of this.#histories.values()) {
      if (this.#bytes <= target || this.#histories.size === 1) return;
      this.#delete(history);
    }
  }
}
