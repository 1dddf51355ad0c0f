import type { Clock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import { EngineError } from '../protocol/errors.ts';
import type { PreparedMessage } from '../protocol/outgoing/prepared-message.ts';
import type { ConnectionIds } from '../server/groups/broadcast.ts';
import type { Relayed } from '../server/groups/topic-node.ts';
import type { Batch, Engine, Published } from './engine.ts';
import { encodeEntry, ENTRY_HEAD_BYTES } from './envelope.ts';
import type { NodeTopics } from './node-topics.ts';
import { type OwnBatch, PendingMessage, PublishQueue } from './publish-queue.ts';

/** The node that publishes. */
export interface PublishingOwner {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly nodeId: string;
  readonly engine: Engine;
  readonly topics: NodeTopics;
  /** The engine joins no other node: a message without history is published already. */
  readonly isAlone: boolean;
  readonly maxEntryBytes: number;
  /** Calls {@link Publishing.flush} at the end of this turn. */
  wake(): void;
}

const OK: Promise<Relayed> = Promise.resolve({ ok: true });

/** What this node publishes: what it refuses, and how a message becomes an entry of the queue. */
export class Publishing {
  readonly #owner: PublishingOwner;
  readonly #queue: PublishQueue;

  constructor(owner: PublishingOwner) {
    const { clock, random, nodeId, topics } = owner;
    this.#owner = owner;
    this.#queue = new PublishQueue({
      clock,
      random,
      nodeId,
      publish: (batch) => this.#send(batch),
      holds: (topic) => topics.holdsPublishes(topic),
      published: (batch, published) => topics.published(batch, published),
      wake: () => owner.wake(),
    });
  }

  /** Whether other nodes can get the message, as far as the limit of the broker is known. */
  fits(message: PreparedMessage, except: ConnectionIds): boolean {
    const max = this.#maxEntryBytes;
    if (this.#owner.isAlone || message.payloadBytes + ENTRY_HEAD_BYTES <= max) return true;
    return encodeEntry(message, except).length <= max;
  }

  publish(
    topic: string,
    message: PreparedMessage,
    except: ConnectionIds,
    publisher: object | undefined,
  ): Promise<Relayed> {
    const { topics, isAlone, clock } = this.#owner;
    const rule = topics.ruleOf(topic);
    if (rule === undefined && isAlone) return OK;
    const entry = encodeEntry(message, except);
    const maxBytes = Math.min(this.#maxEntryBytes, rule?.maxBytes ?? Infinity);
    if (entry.length > maxBytes)
      return refused(
        new EngineError('ERR_ENGINE_REFUSED', `a message of ${entry.length} bytes; the limit is ${maxBytes}`),
      );
    return new Promise((resolve) => {
      const settle = rule === undefined ? withLocalDelivery(resolve) : resolve;
      this.#queue.push(new PendingMessage(topic, entry, message, except, publisher, clock.now(), settle));
    });
  }

  /** The batch of a topic that is in flight, or waits for another try. */
  batchOf(topic: string): OwnBatch | undefined {
    return this.#queue.batchOf(topic);
  }

  /** The messages of a topic are no longer held. */
  release(topic: string): void {
    this.#queue.release(topic);
  }

  online(): void {
    this.#queue.online();
  }

  offline(): void {
    this.#queue.offline();
  }

  flush(): void {
    this.#queue.flush();
  }

  /** Waits until all messages are settled. After `deadlineMs`, those that remain fail. */
  drain(deadlineMs: number): Promise<void> {
    return this.#queue.drain(deadlineMs);
  }

  /** The limits of the server and of the broker. */
  get #maxEntryBytes(): number {
    const { maxEntryBytes, engine } = this.#owner;
    return Math.min(maxEntryBytes, engine.maxEntryBytes ?? Infinity);
  }

  #send({ topic, node, seq, again, entries }: Omit<Batch, 'history'>): Promise<Published | undefined> {
    const { topics, engine } = this.#owner;
    const rule = topics.ruleOf(topic);
    const history = rule === undefined ? undefined : topics.limitsOf(rule);
    return engine.publish({ topic, node, seq, again, entries, history });
  }
}

async function refused(error: EngineError): Promise<Relayed> {
  return { ok: false, error, outcome: 'not-published' };
}

/** Without history, local subscribers have the message already. */
const withLocalDelivery =
  (resolve: (relayed: Relayed) => void) =>
  (relayed: Relayed): void =>
    resolve(relayed.ok ? relayed : { ok: false, error: relayed.error, outcome: 'unknown' });
