import type { Position } from '../../../src/cluster/index.ts';
import type { Ledger } from './ledger.ts';
import { type Frame, WireSession, type WireSettings } from './wire-session.ts';

/** Publishes of one connection without an answer. `hawser.v1` allows 16. */
const WINDOW = 8;

interface Sent {
  readonly topic: string;
  readonly text: string;
}

export interface PublisherSettings extends WireSettings {
  /** Makes a message longer, in bytes. */
  readonly padBytes?: number;
  /** Publishes only what {@link Publisher.due} asks for, instead of as fast as answers come. */
  readonly isPaced?: boolean;
}

/** Publishes numbered messages, to its topics in turn, over all its connections. It never sends a message again. */
export class Publisher extends WireSession {
  readonly #ledger: Ledger;
  readonly #name: string;
  readonly #topics: readonly string[];
  readonly #settings: PublisherSettings;
  readonly #open = new Map<number, Sent>();
  #number = 0;
  #due = 0;
  #isOpen = false;
  #stops = false;
  #emptied: (() => void) | undefined;

  constructor(ledger: Ledger, name: string, topics: readonly string[], settings: PublisherSettings) {
    super(settings);
    this.#ledger = ledger;
    this.#name = name;
    this.#topics = topics;
    this.#settings = settings;
  }

  /** Publishes a number of messages more, as soon as the window has room. */
  due(messages: number): void {
    this.#due += messages;
    this.#fill();
  }

  /** Messages that wait for room in the window. */
  get behind(): number {
    return this.#due;
  }

  /** Publishes no more, and waits for the answers, or the end of the connection. */
  async stop(): Promise<void> {
    this.#stops = true;
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#emptied = resolve));
    await this.close();
  }

  protected opened(): void {
    this.#isOpen = true;
    this.#fill();
  }

  protected received({ op, id, epoch, offset, outcome }: Frame): void {
    const sent = this.#open.get(id as number);
    if (sent === undefined) return;
    this.#open.delete(id as number);
    if (op === 'ok') this.#ledger.published(sent.topic, sent.text, { epoch, offset } as Position);
    else if (outcome === 'unknown') this.#ledger.counts.unknown++;
    else this.#ledger.refused(sent.text);
    this.#fill();
    this.#rest();
  }

  protected ended(): void {
    this.#isOpen = false;
    this.#ledger.counts.unknown += this.#open.size;
    this.#open.clear();
    this.#rest();
  }

  #fill(): void {
    const { padBytes = 0 } = this.#settings;
    while (this.#isOpen && !this.#stops && this.#open.size < WINDOW && this.#takeDue()) {
      const id = ++this.#number;
      const topic = this.#topics[id % this.#topics.length]!;
      const text = `${this.#name}.${id}${'.'.padEnd(padBytes, '-')}`;
      this.#open.set(id, { topic, text });
      this.send({ op: 'publish', id, topic, data: text });
    }
  }

  #takeDue(): boolean {
    if (this.#settings.isPaced !== true) return true;
    if (this.#due === 0) return false;
    this.#due--;
    return true;
  }

  #rest(): void {
    if (this.#open.size === 0) this.#emptied?.();
  }
}
