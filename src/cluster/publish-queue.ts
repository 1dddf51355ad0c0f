import type { Delivery } from '../connection/owner.ts';
import type { Clock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import { ENTRY_BYTES } from '../protocol/limits.ts';
import { EngineError } from '../protocol/errors.ts';
import type { PreparedMessage } from '../protocol/outgoing/prepared-message.ts';
import type { ConnectionIds } from '../server/groups/broadcast.ts';
import type { Position } from '../server/groups/topic.ts';
import type { Relayed } from '../server/groups/topic-node.ts';
import type { Batch, Published } from './engine.ts';
import { Fifo } from './fifo.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';

/** Limits of one batch. A larger entry is a batch by itself. */
const BATCH_MESSAGES = 64;
const BATCH_BYTES = 262_144;
const MAX_BATCHES = 64;
/** Limits of what waits, over all topics; of bytes, unless there is only one message. */
const MAX_MESSAGES = 10_000;
const MAX_BYTES = 8_388_608;
const MAX_AGE_MS = 10_000;
/** How often the age of messages is checked while some wait. */
const CHECK_MS = 250;
/** Before a batch is sent again. */
const RETRY: BackoffLimits = { firstMs: 50, maxMs: 2_000 };

/** A message on its way to the engine. */
export class PendingMessage {
  readonly topic: string;
  readonly entry: Uint8Array;
  readonly message: PreparedMessage;
  readonly except: ConnectionIds;
  readonly publisher: object | undefined;
  readonly queuedMs: number;
  /** Counts of the local subscribers, once the message came back. */
  delivery: Delivery | undefined = undefined;
  /** Waits in the queue: no batch has it. */
  waits = true;
  #resolve: ((relayed: Relayed) => void) | undefined;

  constructor(
    topic: string,
    entry: Uint8Array,
    message: PreparedMessage,
    except: ConnectionIds,
    publisher: object | undefined,
    queuedMs: number,
    resolve: (relayed: Relayed) => void,
  ) {
    this.topic = topic;
    this.entry = entry;
    this.message = message;
    this.except = except;
    this.publisher = publisher;
    this.queuedMs = queuedMs;
    this.#resolve = resolve;
  }

  get settled(): boolean {
    return this.#resolve === undefined;
  }

  /** The first result counts. */
  settle(relayed: Relayed): void {
    this.#resolve?.(relayed);
    this.#resolve = undefined;
  }

  published(position: Position | undefined): void {
    this.settle({ ok: true, position, delivery: this.delivery });
  }
}

/** Messages of one topic that are sent in one call of the engine. */
export interface OwnBatch {
  readonly topic: string;
  readonly seq: number;
  readonly messages: readonly PendingMessage[];
  readonly entries: readonly Uint8Array[];
  again: boolean;
  /** A call of the engine has it. */
  sent: boolean;
  /** Where and when the engine stored it. */
  stored: { readonly epoch: string; readonly first: number; readonly atMs: number } | undefined;
}

interface TopicQueue {
  readonly topic: string;
  readonly waiting: Fifo<PendingMessage>;
  /** In flight, or waiting for another try. */
  batch: OwnBatch | undefined;
  attempts: number;
  /** Is in the list of topics with a batch to send. */
  ready: boolean;
}

export interface PublishQueueOwner {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly nodeId: string;
  /** Calls the engine. May throw. */
  publish(batch: Omit<Batch, 'history'>): Promise<Published | undefined>;
  /** Whether messages of the topic wait until the subscribers before them can get them. */
  holds(topic: string): boolean;
  /** The engine has the batch. */
  published(batch: OwnBatch, published: Published | undefined): void;
  /** There is something to send: call {@link PublishQueue.flush} at the end of this turn. */
  wake(): void;
}

/**
 * What this node publishes through its engine: one batch in flight per topic, so that no retry changes the order. What is
 * published meanwhile forms the next batch. Entries must not change until their message is settled.
 */
export class PublishQueue {
  readonly #owner: PublishQueueOwner;
  readonly #topics = new Map<string, TopicQueue>();
  readonly #ready = new Fifo<TopicQueue>();
  /** All waiting messages, oldest first, and some that no longer wait. */
  readonly #order = new Fifo<PendingMessage>();
  #messages = 0;
  #bytes = 0;
  #inFlight = 0;
  /** In flight, or waiting for another try. */
  #batches = 0;
  #seq = 0;
  #isOnline = false;
  #isOver = false;
  #timer: unknown;
  #emptied: (() => void) | undefined;

  constructor(owner: PublishQueueOwner) {
    this.#owner = owner;
  }

  /** Messages that wait. */
  get size(): number {
    return this.#messages;
  }

  /** What waiting messages count as: their entries and 128 bytes each. */
  get bytes(): number {
    return this.#bytes;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** A message after {@link drain} fails at once. */
  push(message: PendingMessage): void {
    if (this.#isOver) {
      const error = new EngineError('ERR_ENGINE_DOWN', 'the node has stopped');
      message.settle({ ok: false, error, outcome: 'not-published' });
      return;
    }
    let queue = this.#topics.get(message.topic);
    if (queue === undefined) {
      queue = { topic: message.topic, waiting: new Fifo(), batch: undefined, attempts: 0, ready: false };
      this.#topics.set(message.topic, queue);
    }
    queue.waiting.push(message);
    this.#order.push(message);
    // A topic that is held keeps the head of the list, behind which sent messages of other topics would pile up.
    if (this.#order.size > 2 * MAX_MESSAGES) this.#order.keep((other) => other.waits);
    this.#messages++;
    this.#bytes += message.entry.length + ENTRY_BYTES;
    while (this.#messages > MAX_MESSAGES || (this.#bytes > MAX_BYTES && this.#messages > 1))
      this.#failOldest();
    this.#makeReady(queue);
  }

  /** The batch of a topic that is in flight, or waits for another try. */
  batchOf(topic: string): OwnBatch | undefined {
    return this.#topics.get(topic)?.batch;
  }

  /** The owner no longer holds the messages of the topic. */
  release(topic: string): void {
    const queue = this.#topics.get(topic);
    if (queue !== undefined) this.#makeReady(queue);
  }

  /** Sends what can be sent. */
  flush(): void {
    while (this.#isOnline && this.#inFlight < MAX_BATCHES) {
      const queue = this.#ready.shift();
      if (queue === undefined) break;
      queue.ready = false;
      if (queue.batch?.sent === true) continue;
      if (queue.batch === undefined) {
        if (queue.waiting.size === 0 || this.#owner.holds(queue.topic)) continue;
        queue.batch = this.#take(queue);
      }
      this.#send(queue, queue.batch);
    }
    this.#watch();
  }

  /** The engine can be used. */
  online(): void {
    this.#isOnline = true;
    for (const queue of this.#topics.values()) this.#makeReady(queue);
  }

  offline(): void {
    this.#isOnline = false;
    this.#watch();
  }

  /** Waits until all messages are settled. After `deadlineMs`, those that remain fail. */
  async drain(deadlineMs: number): Promise<void> {
    if (this.#messages + this.#batches > 0 && deadlineMs > 0) {
      const { clock } = this.#owner;
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(resolve, deadlineMs);
        this.#emptied = () => {
          clock.clearTimer(timer);
          resolve();
        };
      });
    }
    this.#emptied = undefined;
    this.#isOnline = false;
    // The callbacks of the messages that fail now may publish again.
    this.#isOver = true;
    while (this.#messages > 0) this.#failOldest();
    for (const { batch } of this.#topics.values()) if (batch !== undefined) this.#unknown(batch);
    this.#topics.clear();
    this.#owner.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #makeReady(queue: TopicQueue): void {
    if (queue.ready || queue.batch?.sent === true) return;
    queue.ready = true;
    this.#ready.push(queue);
    this.#owner.wake();
  }

  #take({ topic, waiting }: TopicQueue): OwnBatch {
    const messages: PendingMessage[] = [];
    const entries: Uint8Array[] = [];
    let bytes = 0;
    for (let next = waiting.first; next !== undefined; next = waiting.first) {
      bytes += next.entry.length;
      if (messages.length === BATCH_MESSAGES || (bytes > BATCH_BYTES && messages.length > 0)) break;
      waiting.shift();
      this.#left(next);
      messages.push(next);
      entries.push(next.entry);
    }
    this.#batches++;
    return { topic, seq: ++this.#seq, messages, entries, again: false, sent: false, stored: undefined };
  }

  #left(message: PendingMessage): void {
    message.waits = false;
    this.#messages--;
    this.#bytes -= message.entry.length + ENTRY_BYTES;
    while (this.#order.first?.waits === false) this.#order.shift();
  }

  #send(queue: TopicQueue, batch: OwnBatch): void {
    this.#inFlight++;
    batch.sent = true;
    const { topic, seq, entries, again } = batch;
    let answer: Promise<Published | undefined>;
    try {
      answer = this.#owner.publish({ topic, node: this.#owner.nodeId, seq, again, entries });
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then(
      (published) => {
        this.#inFlight--;
        this.#owner.published(batch, published);
        this.#next(queue);
      },
      (error: unknown) => this.#failed(queue, batch, error),
    );
  }

  #failed(queue: TopicQueue, batch: OwnBatch, error: unknown): void {
    this.#inFlight--;
    batch.sent = false;
    if (error instanceof EngineError && error.code === 'ERR_ENGINE_REFUSED') {
      const outcome = batch.again ? 'unknown' : 'not-published';
      for (const message of batch.messages) message.settle({ ok: false, error, outcome });
    }
    // Messages that came back are in the history: the batch was stored as a whole.
    if (batch.messages.every((message) => message.settled)) return this.#next(queue);
    batch.again = true;
    const delayMs = backoffMs(RETRY, queue.attempts++, this.#owner.random);
    if (!this.#topics.has(queue.topic)) this.#unknown(batch);
    else if (this.#isOnline) this.#owner.clock.setTimer(() => this.#makeReady(queue), delayMs);
    this.#owner.wake();
  }

  /** The batch of a topic is done. */
  #next(queue: TopicQueue): void {
    queue.batch = undefined;
    this.#batches--;
    queue.attempts = 0;
    if (queue.waiting.size > 0) this.#makeReady(queue);
    else this.#rest();
    // Topics that found all batches in flight get the place of this one.
    if (this.#ready.size > 0) this.#owner.wake();
  }

  /** The queue of a topic is deleted later: deleting and adding it in every turn costs more than a publish. */
  #rest(): void {
    if (this.#messages === 0 && this.#batches === 0) this.#emptied?.();
  }

  /** Checks the age of what waits. The check that finds nothing is the last one: an idle queue has no timer. */
  #watch(): void {
    if (this.#timer !== undefined || this.#topics.size === 0) return;
    this.#timer = this.#owner.clock.setTimer(() => {
      this.#timer = undefined;
      this.#expire(this.#owner.clock.now() - MAX_AGE_MS);
      this.#watch();
    }, CHECK_MS);
  }

  #expire(beforeMs: number): void {
    for (let oldest = this.#order.first; oldest !== undefined; oldest = this.#order.first) {
      if (oldest.queuedMs > beforeMs) break;
      this.#failOldest();
    }
    for (const queue of this.#topics.values()) {
      const { batch } = queue;
      if (batch === undefined || batch.sent || batch.messages[0]!.queuedMs > beforeMs) continue;
      this.#unknown(batch);
      this.#next(queue);
    }
    for (const [topic, { waiting, batch }] of this.#topics)
      if (waiting.size === 0 && batch === undefined) this.#topics.delete(topic);
  }

  /** Fails the oldest message that waits. It is the oldest of its topic, too. */
  #failOldest(): void {
    const oldest = this.#order.first!;
    const queue = this.#topics.get(oldest.topic)!;
    queue.waiting.shift();
    this.#left(oldest);
    const error = new EngineError(this.#isOnline ? 'ERR_ENGINE_FULL' : 'ERR_ENGINE_DOWN');
    oldest.settle({ ok: false, error, outcome: 'not-published' });
    this.#rest();
  }

  #unknown({ messages }: OwnBatch): void {
    const error = new EngineError('ERR_ENGINE_DOWN', 'no answer came within 10 s');
    for (const message of messages) message.settle({ ok: false, error, outcome: 'unknown' });
  }
}
