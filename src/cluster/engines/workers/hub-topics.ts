import { Buffer } from 'node:buffer';
import type { Clock } from '../../../engine/clock.ts';
import { EngineError } from '../../../protocol/errors.ts';
import type { Position } from '../../../server/groups/topic.ts';
import type { Batch, HistoryLimits, HistoryRead, MembersRead, NodeEntry, Published } from '../../engine.ts';
import { envelopeHeader, memberChange } from '../../envelope.ts';
import { Histories } from '../histories.ts';
import { entryParts, ownCopy } from './records.ts';

/** How often expired messages are dropped, in ms; reads and publishes do not see them before either. */
const SWEEP_MS = 60_000;

/** The engine of one server of a worker, as the hub sees it. Topics begin with the prefix of the engine. */
export interface HubSession {
  readonly prefix: string;
  readonly nodeId: string;
  /** Channels that it is interested in. */
  readonly channels: Set<string>;
  /** Members that it entered: fields by topic. */
  readonly fields: Map<string, Set<string>>;
  deliver(channel: string, envelope: readonly Uint8Array[]): void;
  control(bytes: Uint8Array): void;
}

interface MemberEntry {
  readonly value: Uint8Array;
  readonly owner: HubSession;
}

interface NodeRecord {
  readonly session: HubSession;
  readonly info: Uint8Array;
  readonly expiresMs: number;
}

export const messagesOf = (topic: string): string => `m ${topic}`;
export const changesOf = (topic: string): string => `j ${topic}`;

/** What the hub holds for all workers: interest, histories, members and nodes. Every call has its effect before it returns. */
export class HubTopics {
  readonly #clock: Clock;
  readonly #histories: Histories;
  readonly #interested = new Map<string, Set<HubSession>>();
  readonly #members = new Map<string, Map<string, MemberEntry>>();
  /** By prefix and id. */
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #sessions = new Set<HubSession>();
  #changes = 0;
  #willSweep = false;

  /** @param maxHistoryBytes Of all histories; the topics published to least recently lose their messages first. */
  constructor(clock: Clock, maxHistoryBytes: number) {
    this.#clock = clock;
    this.#histories = new Histories(maxHistoryBytes);
  }

  get historyBytes(): number {
    return this.#histories.bytes;
  }

  /** Channels that a worker is interested in. */
  get channelCount(): number {
    return this.#interested.size;
  }

  open(session: HubSession): void {
    this.#sessions.add(session);
  }

  /** Removes the interest, the members and the node of a session. */
  close(session: HubSession): void {
    this.#sessions.delete(session);
    this.forgetInterest(session);
    // A session that was refused has the id of another one.
    if (this.#nodes.get(nodeKey(session))?.session === session) this.#nodes.delete(nodeKey(session));
    for (const [topic, fields] of session.fields) this.leave(topic, [...fields], session);
  }

  forgetInterest(session: HubSession): void {
    this.interest(session, [], [...session.channels]);
  }

  interest(session: HubSession, add: readonly string[], remove: readonly string[]): void {
    for (const channel of remove) {
      session.channels.delete(channel);
      const sessions = this.#interested.get(channel);
      sessions?.delete(session);
      if (sessions?.size === 0) this.#interested.delete(channel);
    }
    for (const channel of add) {
      session.channels.add(channel);
      const sessions = this.#interested.get(channel);
      if (sessions === undefined) this.#interested.set(channel, new Set([session]));
      else sessions.add(session);
    }
  }

  /**
   * Stores a batch if its topic has a history, and delivers it.
   * @param body What `envelopeBody` writes of the entries of the batch; both may be views of larger memory.
   */
  publish(
    session: HubSession,
    batch: Batch,
    history: HistoryLimits | undefined,
    body: Uint8Array,
  ): Published | undefined {
    const { topic, node, seq, again, entries } = batch;
    let published: Published | undefined;
    if (history !== undefined) {
      const kept = { topic, node, seq, again, entries: entries.map((entry) => ownCopy(entry)) };
      published = this.#histories.append(kept, history, this.#clock.now());
      if (published.again) return published;
      this.#sweepLater();
    }
    const { epoch, first } = published ?? { epoch: undefined, first: 0 };
    // Without history, the node has delivered the messages itself.
    const except = published === undefined ? session : undefined;
    this.#deliver(messagesOf(topic), except, () => [
      Buffer.from(envelopeHeader('m', { node, seq, epoch, first }), 'latin1'),
      body,
    ]);
    return published;
  }

  read(topic: string, since: Position | undefined, limits: HistoryLimits): HistoryRead {
    this.#sweepLater();
    return this.#histories.read(topic, since, limits, this.#clock.now());
  }

  positions(topics: readonly string[]): (Position | undefined)[] {
    const nowMs = this.#clock.now();
    return topics.map((topic) => this.#histories.position(topic, nowMs));
  }

  enter(session: HubSession, topic: string, fields: readonly string[], values: readonly Uint8Array[]): void {
    let members = this.#members.get(topic);
    if (members === undefined) this.#members.set(topic, (members = new Map()));
    fields.forEach((field, at) => {
      disown(members.get(field), topic, field);
      members.set(field, { value: ownCopy(values[at]!), owner: session });
    });
    const own = session.fields.get(topic) ?? new Set();
    session.fields.set(topic, own);
    for (const field of fields) own.add(field);
    this.#deliverChanges(
      topic,
      session,
      fields.map((field, at) => memberChange(field, values[at])),
    );
  }

  leave(topic: string, fields: readonly string[], session: HubSession): void {
    const members = this.#members.get(topic);
    const gone = fields.filter((field) => {
      disown(members?.get(field), topic, field);
      return members?.delete(field) === true;
    });
    if (members?.size === 0) this.#members.delete(topic);
    if (gone.length === 0) return;
    this.#deliverChanges(
      topic,
      session,
      gone.map((field) => memberChange(field, undefined)),
    );
  }

  /** @param max Above this number, the answer has no entries. */
  members(topic: string, max: number): MembersRead {
    const members = this.#members.get(topic);
    const count = members?.size ?? 0;
    if (count > max) return { count };
    return { count, entries: new Map(Array.from(members ?? [], ([field, { value }]) => [field, value])) };
  }

  /** @throws EngineError `ERR_ENGINE_REFUSED` if another session has this node id. */
  beat(session: HubSession, info: Uint8Array, ttlMs: number): NodeEntry[] {
    const nowMs = this.#clock.now();
    for (const [key, { expiresMs }] of this.#nodes) if (expiresMs <= nowMs) this.#nodes.delete(key);
    const known = this.#nodes.get(nodeKey(session));
    if (known !== undefined && known.session !== session)
      throw new EngineError(
        'ERR_ENGINE_REFUSED',
        `another node with the id ${session.nodeId} is alive; each server needs an id of its own`,
      );
    this.#nodes.set(nodeKey(session), { session, info: ownCopy(info), expiresMs: nowMs + ttlMs });
    const alive: NodeEntry[] = [];
    for (const { session: other, info: theirs } of this.#nodes.values())
      if (other.prefix === session.prefix) alive.push({ node: other.nodeId, info: theirs });
    return alive;
  }

  /** @param node `undefined` for all nodes of the prefix. */
  tell(session: HubSession, node: string | undefined, bytes: Uint8Array): void {
    for (const other of this.#sessions)
      if (other.prefix === session.prefix && (node === undefined || other.nodeId === node))
        other.control(bytes);
  }

  #deliverChanges(topic: string, { nodeId: node }: HubSession, entries: readonly Uint8Array[]): void {
    this.#deliver(changesOf(topic), undefined, () => [
      Buffer.from(envelopeHeader('j', { node, seq: ++this.#changes, epoch: undefined, first: 0 }), 'latin1'),
      ...entryParts(entries),
    ]);
  }

  #deliver(channel: string, except: HubSession | undefined, envelopeOf: () => Uint8Array[]): void {
    const sessions = this.#interested.get(channel);
    if (sessions === undefined) return;
    const envelope = envelopeOf();
    for (const session of sessions) if (session !== except) session.deliver(channel, envelope);
  }

  #sweepLater(): void {
    if (this.#willSweep) return;
    this.#willSweep = true;
    this.#clock.setTimer(() => {
      this.#willSweep = false;
      this.#histories.sweep(this.#clock.now());
      if (this.#histories.size > 0) this.#sweepLater();
    }, SWEEP_MS);
  }
}

/** A member has another owner, or has left. */
function disown(member: MemberEntry | undefined, topic: string, field: string): void {
  const fields = member?.owner.fields;
  const ofTopic = fields?.get(topic);
  ofTopic?.delete(field);
  if (ofTopic?.size === 0) fields!.delete(topic);
}

const nodeKey = ({ prefix, nodeId }: HubSession): string => `${prefix} ${nodeId}`;
