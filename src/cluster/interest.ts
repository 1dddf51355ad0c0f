import type { Clock } from '../engine/clock.ts';
import type { Channel } from './engine.ts';

/** Most channels in one call of the engine. */
const CHUNK = 512;
/** How long interest stays after the last subscriber, in ms. Most clients that reconnect are back by then. */
export const LINGER_MS = 10_000;
/** Delay after a failed call while the engine can be used. */
const RETRY_MS = 500;

/** A user of the messages or the members of one topic. */
export interface Interested {
  readonly channel: Channel;
  /** The engine delivers the channel. Also after every reconnect. */
  acknowledged(): void;
  /** The interest is over: nothing arrives from now on. */
  ended(): void;
}

interface Entry {
  readonly user: Interested;
  state: 'new' | 'asked' | 'acknowledged';
  /** When the interest ends; `undefined` while it is needed. */
  endsMs: number | undefined;
}

export interface InterestOwner {
  readonly clock: Clock;
  /** Calls the engine. May throw. */
  interest(add: readonly Channel[], remove: readonly Channel[]): Promise<void>;
  /** There is something to announce: call {@link Interest.flush} at the end of this turn. */
  wake(): void;
  fault(error: unknown): void;
}

const keyOf = ({ kind, topic }: Channel): string => `${kind} ${topic}`;

/**
 * The channels that this node wants. All changes of one turn go to the engine in one call, one call at a time. Interest stays
 * for {@link LINGER_MS} after it was released.
 */
export class Interest {
  readonly #owner: InterestOwner;
  readonly #entries = new Map<string, Entry>();
  readonly #toAdd = new Set<Entry>();
  readonly #toRemove = new Map<string, Channel>();
  /** Released, in the order of their end. */
  readonly #ending = new Set<Entry>();
  #isOnline = false;
  #calls = false;
  /** Counts connections to the broker, so that an answer of an earlier one is ignored. */
  #session = 0;
  #timer: unknown;

  constructor(owner: InterestOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @returns Whether the engine delivers the channel already. */
  want(user: Interested): boolean {
    const key = keyOf(user.channel);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { user, state: 'new', endsMs: undefined };
      this.#entries.set(key, entry);
      this.#toAdd.add(entry);
      this.#toRemove.delete(key);
      this.#owner.wake();
    }
    entry.endsMs = undefined;
    this.#ending.delete(entry);
    return entry.state === 'acknowledged';
  }

  /** The interest ends, after a while, unless it is wanted again. */
  release(user: Interested): void {
    const entry = this.#entries.get(keyOf(user.channel));
    if (entry === undefined || entry.endsMs !== undefined) return;
    entry.endsMs = this.#owner.clock.now() + LINGER_MS;
    this.#ending.add(entry);
    this.#watch();
  }

  /** The engine can be used: everything is announced anew. */
  online(): void {
    this.#isOnline = true;
    this.#session++;
    this.#calls = false;
    this.#toRemove.clear();
    for (const entry of this.#entries.values()) {
      entry.state = 'new';
      this.#toAdd.add(entry);
    }
    this.#owner.wake();
  }

  /** Interest ended with the connection. What was released is not announced again. */
  offline(): void {
    this.#isOnline = false;
    for (const entry of this.#entries.values()) {
      entry.state = 'new';
      if (entry.endsMs !== undefined) this.#end(entry);
    }
  }

  /** Announces what has changed. */
  flush(): void {
    if (!this.#isOnline || this.#calls || (this.#toAdd.size === 0 && this.#toRemove.size === 0)) return;
    const remove: Channel[] = [];
    for (const [key, channel] of this.#toRemove) {
      if (remove.length === CHUNK) break;
      this.#toRemove.delete(key);
      remove.push(channel);
    }
    const asked: Entry[] = [];
    for (const entry of this.#toAdd) {
      if (asked.length + remove.length === CHUNK) break;
      this.#toAdd.delete(entry);
      entry.state = 'asked';
      asked.push(entry);
    }
    this.#call(asked, remove);
  }

  /** Ends all interest, and tells the engine. Never rejects. */
  async stop(): Promise<void> {
    for (const entry of this.#entries.values()) this.#end(entry);
    this.#owner.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    const channels = [...this.#toRemove.values()];
    this.#toRemove.clear();
    this.#session++;
    if (!this.#isOnline) return;
    this.#isOnline = false;
    try {
      for (let at = 0; at < channels.length; at += CHUNK)
        await this.#owner.interest([], channels.slice(at, at + CHUNK));
    } catch (error) {
      // The interest ends with the connection to the broker, too.
      this.#owner.fault(error);
    }
  }

  #call(asked: readonly Entry[], remove: readonly Channel[]): void {
    const session = this.#session;
    const add = asked.map(({ user }) => user.channel);
    this.#calls = true;
    let answer: Promise<void>;
    try {
      answer = this.#owner.interest(add, remove);
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then(
      () => {
        if (session !== this.#session) return;
        this.#calls = false;
        for (const entry of asked) {
          if (entry.state !== 'asked') continue;
          entry.state = 'acknowledged';
          entry.user.acknowledged();
        }
        this.#owner.wake();
      },
      (error: unknown) => {
        if (session !== this.#session || !this.#isOnline) return;
        this.#owner.fault(error);
        for (const entry of asked)
          if (this.#entries.get(keyOf(entry.user.channel)) === entry) this.#toAdd.add(entry);
        for (const channel of remove) {
          const key = keyOf(channel);
          if (!this.#entries.has(key)) this.#toRemove.set(key, channel);
        }
        this.#owner.clock.setTimer(() => {
          if (session !== this.#session) return;
          this.#calls = false;
          this.#owner.wake();
        }, RETRY_MS);
      },
    );
  }

  #end(entry: Entry): void {
    const { channel } = entry.user;
    const key = keyOf(channel);
    this.#entries.delete(key);
    this.#ending.delete(entry);
    // A call that is in flight acknowledges it no more.
    entry.state = 'new';
    if (!this.#toAdd.delete(entry) && this.#isOnline) this.#toRemove.set(key, channel);
    entry.user.ended();
  }

  #watch(): void {
    const [first] = this.#ending;
    if (first === undefined || this.#timer !== undefined) return;
    const { clock } = this.#owner;
    this.#timer = clock.setTimer(
      () => {
        this.#timer = undefined;
        const nowMs = clock.now();
        for (const entry of this.#ending) {
          if (entry.endsMs! > nowMs) break;
          this.#end(entry);
        }
        this.#owner.wake();
        this.#watch();
      },
      Math.max(1, first.endsMs! - clock.now()),
    );
  }
}
