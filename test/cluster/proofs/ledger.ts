import type { Position } from '../../../src/cluster/index.ts';

/** What one run counted. The last two must be 0. */
export interface Counts {
  /** Publishes whose answer was `ok`. */
  published: number;
  /** Publishes that failed, and were not published. */
  refused: number;
  /** Publishes without an answer, or with the outcome `unknown`. */
  unknown: number;
  delivered: number;
  /** Subscriptions with a position. */
  resumes: number;
  recovered: number;
  /** `lost`, or `recovered: false` after a position. */
  lostAnnounced: number;
  /** Messages that were stored again in a later epoch. */
  storedAgain: number;
  /** Messages that a subscriber missed without being told. */
  lostSilently: number;
  /** Messages that a subscriber got twice in one epoch, or that one epoch stores twice. */
  twice: number;
}

/** The messages of one epoch of a topic, as subscribers and publishers saw them. */
interface Epoch {
  readonly byOffset: (string | undefined)[];
  readonly texts: Set<string>;
}

/**
 * Judges numbered messages. Every message has a text of its own. In one epoch of a topic, an offset has one text and a text has one
 * offset; every subscriber gets the offsets that follow its position, each once, unless it is told of a loss.
 */
export class Ledger {
  readonly counts: Counts = {
    published: 0,
    refused: 0,
    unknown: 0,
    delivered: 0,
    resumes: 0,
    recovered: 0,
    lostAnnounced: 0,
    storedAgain: 0,
    lostSilently: 0,
    twice: 0,
  };
  /** The first violations, in words. */
  readonly violations: string[] = [];
  readonly #topics = new Map<string, Map<string, Epoch>>();
  readonly #tops = new Map<string, Position>();
  readonly #notPublished = new Set<string>();

  /** A publish was answered. @param text Text of the message. */
  published(topic: string, text: string, { epoch, offset }: Position): void {
    this.counts.published++;
    this.#tops.set(topic, { epoch, offset });
    this.#stored(topic, epoch, offset, text);
  }

  /** Position of the publish that was answered last. */
  top(topic: string): Position {
    return this.#tops.get(topic)!;
  }

  refused(text: string): void {
    this.counts.refused++;
    this.#notPublished.add(text);
  }

  /** The follower of one subscription; it lives as long as the subscriber, over all its connections. */
  follower(topic: string, name: string): Follower {
    return new Follower(this, topic, name);
  }

  lostSilently(messages: number, what: string): void {
    this.counts.lostSilently += messages;
    this.#violation(what);
  }

  twice(what: string): void {
    this.counts.twice++;
    this.#violation(what);
  }

  delivered(topic: string, epoch: string, offset: number, text: string): void {
    this.counts.delivered++;
    this.#stored(topic, epoch, offset, text);
  }

  #stored(topic: string, epoch: string, offset: number, text: string): void {
    let epochs = this.#topics.get(topic);
    if (epochs === undefined) this.#topics.set(topic, (epochs = new Map()));
    let messages = epochs.get(epoch);
    if (messages === undefined) epochs.set(epoch, (messages = { byOffset: [], texts: new Set() }));
    const known = messages.byOffset[offset];
    if (known === text) return;
    const place = `${topic} ${epoch} ${offset}`;
    if (known !== undefined) {
      this.lostSilently(1, `${place} is ${known} and ${text}`);
      return;
    }
    if (this.#notPublished.has(text)) this.twice(`${place}: ${text} was answered as not published`);
    if (messages.texts.has(text)) this.twice(`${place}: ${text} has another offset, too`);
    for (const [other, { texts }] of epochs)
      if (other !== epoch && texts.has(text)) this.counts.storedAgain++;
    messages.byOffset[offset] = text;
    messages.texts.add(text);
  }

  #violation(what: string): void {
    if (this.violations.length < 20) this.violations.push(what);
  }
}

/** One subscription of one subscriber. */
export class Follower {
  readonly topic: string;
  position: Position | undefined = undefined;
  readonly #ledger: Ledger;
  readonly #name: string;

  constructor(ledger: Ledger, topic: string, name: string) {
    this.#ledger = ledger;
    this.topic = topic;
    this.#name = name;
  }

  /** The answer to `subscribe`. @param since What the client sent. */
  subscribed(since: Position | undefined, recovered: boolean, position: Position): void {
    const { counts } = this.#ledger;
    this.position = position;
    if (since === undefined) return;
    counts.resumes++;
    if (!recovered) counts.lostAnnounced++;
    else {
      counts.recovered++;
      if (position.epoch !== since.epoch || position.offset !== since.offset)
        this.#ledger.lostSilently(
          1,
          `${this.#name}: recovered at ${show(position)} instead of ${show(since)}`,
        );
    }
  }

  lost(position: Position): void {
    this.#ledger.counts.lostAnnounced++;
    this.position = position;
  }

  message(offset: number, text: string): void {
    const { epoch, offset: before } = this.position!;
    const place = `${this.#name}: ${this.topic} ${epoch}`;
    if (offset <= before) {
      this.#ledger.twice(`${place}: ${offset} (${text}) after ${before}`);
      return;
    }
    if (offset > before + 1)
      this.#ledger.lostSilently(offset - before - 1, `${place}: ${offset} after ${before}`);
    this.position = { epoch, offset };
    this.#ledger.delivered(this.topic, epoch, offset, text);
  }

  /** The follower has everything up to a position. */
  has({ epoch, offset }: Position): boolean {
    return this.position?.epoch === epoch && this.position.offset >= offset;
  }
}

const show = ({ epoch, offset }: Position): string => `${epoch} ${offset}`;
