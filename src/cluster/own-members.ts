import { Buffer } from 'node:buffer';
import { MisuseError } from '../protocol/errors.ts';
import { fieldOf, writeMember } from './member-record.ts';

/** Most members in one call of the engine. */
const CHUNK = 64;
const MAX_KEY_BYTES = 128;
const MAX_INFO_BYTES = 1_024;

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
  wallNow(): number;
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
  #isOnline = false;
  #isOver = false;

  constructor(owner: OwnMembersOwner) {
    this.#owner = owner;
  }

  /** @throws MisuseError `ERR_ARGUMENT` for a key over 128 bytes, or for info that is no JSON or over 1 KiB. */
  enter(topic: string, connectionId: string, key: string, info: unknown): void {
    checkMember(key, info);
    if (this.#isOver) return;
    const own = this.#topics.get(topic) ?? { members: new Map(), keys: new Map(), changed: new Set() };
    this.#topics.set(topic, own);
    const before = own.keys.get(connectionId);
    if (before !== undefined && before !== key) this.#remove(topic, own, connectionId, before);
    let member = own.members.get(key);
    if (member === undefined) {
      member = { info, sinceMs: this.#owner.wallNow(), connections: new Set() };
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
    for (const [topic, own] of this.#topics)
      for (const key of own.members.keys()) this.#change(topic, own, key);
  }

  offline(): void {
    this.#isOnline = false;
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
    const topics = [...this.#topics];
    this.#isOver = true;
    this.#topics.clear();
    this.#changed.clear();
    if (!this.#isOnline) return;
    const gone = topics.map(([topic, { members, changed }]) => {
      // The engine may still have a member whose last connection left in this turn.
      const keys = new Set([...members.keys(), ...changed]);
      const fields = [...keys].map((key) => fieldOf(this.#owner.nodeId, key));
      return this.#inChunks(fields, (chunk) => this.#owner.leave(topic, chunk));
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

  #announce(topic: string, own: OwnTopic): void {
    const entered: [string, Uint8Array][] = [];
    const gone: string[] = [];
    for (const key of own.changed) {
      const member = own.members.get(key);
      const field = fieldOf(this.#owner.nodeId, key);
      if (member === undefined) gone.push(field);
      else entered.push([field, writeMember(member.info, member.sinceMs, member.connections.size)]);
    }
    own.changed.clear();
    if (own.members.size === 0) this.#topics.delete(topic);
    void this.#inChunks(gone, (chunk) => this.#owner.leave(topic, chunk));
    void this.#inChunks(entered, (chunk) => this.#owner.enter(topic, new Map(chunk)));
  }

  /** A call that fails is repeated after the reconnect, when all members are announced. */
  #inChunks<Item>(items: readonly Item[], call: (chunk: readonly Item[]) => Promise<void>): Promise<void>[] {
    const calls: Promise<void>[] = [];
    for (let at = 0; at < items.length; at += CHUNK)
      calls.push(call(items.slice(at, at + CHUNK)).catch((error: unknown) => this.#owner.fault(error)));
    return calls;
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
