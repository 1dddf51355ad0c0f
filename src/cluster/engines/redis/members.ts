import type { MembersRead } from '../../engine.ts';
import { envelopeHeader } from '../../envelope.ts';
import type { Keys } from './keys.ts';
import type { Argument } from './link.ts';
import { asBuffer, listOf, mapOf, numberOf, textOf } from './replies.ts';
import type { Session } from './session.ts';

/** How long Redis keeps the members of a topic that no node renews: those of a cluster that was stopped by force. */
const MEMBERS_TTL_MS = 3_600_000;
/** How often a node renews the topics in which it has members. */
const RENEW_MS = 1_200_000;
/** More members than this are read in several steps, so that Redis serves others in between. */
const MEMBERS_AT_ONCE = 1_000;

/** The members of topics in Redis. */
export class RedisMembers {
  readonly #keys: Keys;
  /** The fields of this node by topic. */
  readonly #own = new Map<string, Set<string>>();
  #renewedMs: number | undefined;
  #changes = 0;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  async enter(
    session: Session,
    node: string,
    topic: string,
    members: ReadonlyMap<string, Uint8Array>,
  ): Promise<void> {
    let own = this.#own.get(topic);
    if (own === undefined) this.#own.set(topic, (own = new Set()));
    const args: Argument[] = [...this.#head(node, topic), String(MEMBERS_TTL_MS)];
    for (const [field, value] of members) {
      own.add(field);
      args.push(field, asBuffer(value));
    }
    await session.script('enter', [this.#keys.members(topic)], args);
  }

  async leave(session: Session, node: string, topic: string, fields: readonly string[]): Promise<void> {
    const own = this.#own.get(topic);
    for (const field of fields) own?.delete(field);
    if (own?.size === 0) this.#own.delete(topic);
    await session.script('leave', [this.#keys.members(topic)], [...this.#head(node, topic), ...fields]);
  }

  async read(session: Session, topic: string, max: number): Promise<MembersRead> {
    const key = this.#keys.members(topic);
    const atOnce = String(Math.min(max, MEMBERS_AT_ONCE));
    const [size, all] = listOf(await session.script('members', [key], [atOnce]));
    const count = numberOf(size);
    if (all !== undefined) return { count, entries: mapOf(all) };
    if (count > max) return { count };
    const entries = new Map<string, Uint8Array>();
    let cursor = '0';
    do {
      const [next, some] = listOf(
        await session.call(['HSCAN', key, cursor, 'COUNT', String(MEMBERS_AT_ONCE)]),
      );
      for (const [field, value] of mapOf(some)) entries.set(field, value);
      cursor = textOf(next);
    } while (cursor !== '0');
    return entries.size > max ? { count: entries.size } : { count: entries.size, entries };
  }

  /** Renews the topics in which this node has members, if it is time. */
  async renew(session: Session, nowMs: number): Promise<void> {
    this.#renewedMs ??= nowMs;
    if (nowMs - this.#renewedMs < RENEW_MS) return;
    this.#renewedMs = nowMs;
    await Promise.all(
      Array.from(this.#own.keys(), (topic) =>
        session.call(['PEXPIRE', this.#keys.members(topic), String(MEMBERS_TTL_MS)]),
      ),
    );
  }

  /** The channel of the changes, and the header of their envelope. */
  #head(node: string, topic: string): [channel: string, header: string] {
    const header = { node, seq: ++this.#changes, epoch: undefined, first: 0 };
    return [this.#keys.channel({ kind: 'members', topic }), envelopeHeader('j', header)];
  }
}
