import { Buffer } from 'node:buffer';
import type { Clock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import { MisuseError } from '../protocol/errors.ts';
import { fieldOf, writeMember } from './member-record.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';

/** Most members in one call of the engine. */
const CHUNK = 64;
const MAX_KEY_BYTES = 128;
const MAX_INFO_BYTES = 1_024;
/** Before failed calls are repeated. */
const REPEAT: BackoffLimits = { firstMs: 500, maxMs: 10_000 };

interface OwnMember {
  info: unknown;
  readonly sinceMs: number;
  readonly connections: Set<string>;
}

interface OwnTopic {
  readonly members: Map<string, OwnMember>;
  /** The key of each connection. */
  readonly keys: Map<string, string>;
  /** Keys whose change the engine does not have. */
  readonly changed: Set<string>;
}

export interface OwnMembersOwner {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  enter(topic: string, members: ReadonlyMap<string, Uint8Array>): Promise<void>;
  leave(topic: string, fields: readonly string[]): Promise<void>;
  wake(): void;
  fault(error: unknown): void;
}

/**
 * The members on this node, and what of them the engine does not know yet. All changes of a key in one turn are one change: a
 * connection that comes and goes in one turn costs nothing.
 */
export class OwnMembers {
  readonly #owner: OwnMembersOwner;
  readonly #topics = new Map<string, OwnTopic>();
  readonly #changed = new Set<string>();
  /** Keys by topic whose call failed. Only a timer or the reconnect repeats them, not each change of the topic. */
  readonly #failed = new Map<string, Set<string>>();
  #timer: unknown;
  /** Repeats in a row. */
  #repeats = 0;
  #failedAtMs = 0;
  #isOnline = false;
  #isOver = false;

  constructor(owner: OwnMembersOwner) {
    this.#owner = owner;
  }

  /** @throws MisuseError `ERR_ARGUMENT` for a key over 128 bytes, or for info that is no JSON or over 1 KiB. */
  enter(topic: string, connectionId: string, key: string, info: unknown): void {
    checkMember(key, info);
    if (this.#isOver) return;
    const own = this.#ownOf(topic);
    const before = own.keys.get(connectionId);
    if (before !== undefined && before !== key) this.#remove(topic, own, connectionId, before);
    let member = own.members.get(key);
    if (member === undefined) {
      member = { info, sinceMs: this.#owner.clock.wallNow(), connections: new Set() };
      own.members.set(key, member);
    }
    member.info = info;
    member.connections.add(connectionId);
    own.keys.set(connectionId, key);
    this.#change(topic, own, key);
  }

  leave(topic: string, connectionId: string): void {
    const own = this.#topics.get(topic);
    const key = own?.keys.get(connectionId);
    if (own !== undefined && key !== undefined) this.#remove(topic, own, connectionId, key);
  }

  /** The engine can be used: it gets all members anew. */
  online(): void {
    this.#isOnline = true;
    this.#repeats = 0;
    this.#repeat();
    for (const [topic, own] of this.#topics)
      for (const key of own.members.keys()) this.#change(topic, own, key);
  }

  offline(): void {
    this.#isOnline = false;
    this.#clearTimer();
  }

  flush(): void {
    if (!this.#isOnline) return;
    for (const topic of this.#changed) {
      this.#changed.delete(topic);
      this.#announce(topic, this.#topics.get(topic)!);
    }
  }

  /** Removes all members; connections become members no longer. Never rejects. */
  async stop(): Promise<void> {
    this.#repeat();
    const topics = [...this.#topics];
    this.#isOver = true;
    this.#topics.clear();
    this.#changed.clear();
    if (!this.#isOnline) return;
    const gone = topics.map(([topic, { members, changed }]) => {
      // The engine may still have a member whose last connection left in this turn.
      const keys = new Set([...members.keys(), ...changed]);
      return this.#inChunks(topic, [...keys], (chunk) => this.#leave(topic, chunk));
    });
    await Promise.all(gone.flat());
  }

  #remove(topic: string, own: OwnTopic, connectionId: string, key: string): void {
    const member = own.members.get(key)!;
    own.keys.delete(connectionId);
    member.connections.delete(connectionId);
    if (member.connections.size === 0) own.members.delete(key);
    this.#change(topic, own, key);
  }

  #change(topic: string, own: OwnTopic, key: string): void {
    own.changed.add(key);
    this.#changed.add(topic);
    this.#owner.wake();
  }

  #ownOf(topic: string): OwnTopic {
    const own = this.#topics.get(topic) ?? { members: new Map(), keys: new Map(), changed: new Set() };
    this.#topics.set(topic, own);
    return own;
  }

  #announce(topic: string, own: OwnTopic): void {
    const entered = new Map<string, Uint8Array>();
    const gone: string[] = [];
    const failed = this.#failed.get(topic);
    for (const key of own.changed) {
      const member = own.members.get(key);
      if (member === undefined) gone.push(key);
      else entered.set(key, writeMember(member.info, member.sinceMs, member.connections.size));
      failed?.delete(key);
    }
    if (failed?.size === 0) this.#failed.delete(topic);
    own.changed.clear();
    if (own.members.size === 0) this.#topics.delete(topic);
    void this.#inChunks(topic, gone, (chunk) => this.#leave(topic, chunk));
    void this.#inChunks(topic, [...entered.keys()], (chunk) =>
      this.#owner.enter(
        topic,
        new Map(chunk.map((key) => [fieldOf(this.#owner.nodeId, key), entered.get(key)!])),
      ),
    );
  }

  #leave(topic: string, keys: readonly string[]): Promise<void> {
    return this.#owner.leave(
      topic,
      keys.map((key) => fieldOf(this.#owner.nodeId, key)),
    );
  }

  #inChunks(
    topic: string,
    keys: readonly string[],
    call: (chunk: readonly string[]) => Promise<void>,
  ): Promise<void>[] {
    const calls: Promise<void>[] = [];
    for (let at = 0; at < keys.length; at += CHUNK) {
      const chunk = keys.slice(at, at + CHUNK);
      calls.push(call(chunk).catch((error: unknown) => this.#callFailed(topic, chunk, error)));
    }
    return calls;
  }

  /** The keys are announced again after a delay, or after the reconnect, with their state at that time. */
  #callFailed(topic: string, keys: readonly string[], error: unknown): void {
    // One report for each repeat: a broker that refuses writes refuses those of all topics.
    if (this.#timer === undefined) this.#owner.fault(error);
    if (this.#isOver) return;
    let failed = this.#failed.get(topic);
    if (failed === undefined) this.#failed.set(topic, (failed = new Set()));
    for (const key of keys) failed.add(key);
    if (!this.#isOnline || this.#timer !== undefined) return;
    const { clock, random } = this.#owner;
    const nowMs = clock.now();
    if (nowMs - this.#failedAtMs > 2 * REPEAT.maxMs) this.#repeats = 0;
    this.#failedAtMs = nowMs;
    this.#timer = clock.setTimer(() => this.#repeat(), backoffMs(REPEAT, this.#repeats++, random));
  }

  /** Marks the keys of failed calls as changed. */
  #repeat(): void {
    this.#clearTimer();
    for (const [topic, keys] of this.#failed) {
      const own = this.#ownOf(topic);
      for (const key of keys) this.#change(topic, own, key);
    }
    this.#failed.clear();
  }

  #clearTimer(): void {
    this.#owner.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}

function checkMember(key: string, info: unknown): void {
  const keyBytes = Buffer.byteLength(key);
  if (keyBytes === 0 || keyBytes > MAX_KEY_BYTES)
    throw new MisuseError(
      'ERR_ARGUMENT',
      `the key of a member has 1 to ${MAX_KEY_BYTES} bytes, not ${keyBytes}`,
    );
  let infoBytes: number;
  try {
    infoBytes = Buffer.byteLength(JSON.stringify(info) ?? 'null');
  } catch (error) {
    throw new MisuseError('ERR_ARGUMENT', 'the info of a member must be a JSON value', { cause: error });
  }
  if (infoBytes > MAX_INFO_BYTES)
    throw new MisuseError(
      'ERR_ARGUMENT',
      `the info of a member has at most ${MAX_INFO_BYTES} bytes as JSON, not ${infoBytes}`,
    );
}
