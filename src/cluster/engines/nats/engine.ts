import { EngineError, MisuseError } from '../../../protocol/errors.ts';
import type { Position } from '../../../server/groups/topic.ts';
import type {
  Batch,
  Channel,
  Engine,
  EngineHost,
  HistoryRead,
  MembersRead,
  NodeEntry,
  Published,
} from '../../engine.ts';
import { memberChange, readEnvelope } from '../../envelope.ts';
import { Link } from './link.ts';
import type { NatsConnection, NatsMessage } from './connection.ts';
import { Arrivals, envelopesOf, HEADER_BYTES } from './messages.ts';
import { NatsMembers } from './members.ts';
import { Membership } from './membership.ts';
import type { Session } from './session.ts';
import { Subjects } from './subjects.ts';

export interface NatsEngineSettings {
  readonly connection: NatsConnection | PromiseLike<NatsConnection>;
  readonly prefix: string;
  readonly deadlineMs: number;
}

/** What a started engine has. */
interface Started {
  readonly host: EngineHost;
  readonly link: Link;
  readonly membership: Membership;
  readonly members: NatsMembers;
}

/** Joins nodes through NATS, without JetStream: messages of topics, and members. NATS stores nothing. */
export class NatsEngine implements Engine {
  readonly name = 'nats';
  readonly capabilities = Object.freeze({ history: false, presence: true });
  readonly #settings: NatsEngineSettings;
  readonly #subjects: Subjects;
  /** What arrived on the topics of interest. It outlives a disconnect. */
  readonly #arrivals = new Map<string, Arrivals>();
  #started: Started | undefined;
  /** Beats since the connection can be used. */
  #beats = 0;
  #changes = 0;

  constructor(settings: NatsEngineSettings) {
    this.#settings = settings;
    this.#subjects = new Subjects(settings.prefix);
  }

  /** Largest entry that the server takes; `undefined` before the first connection. */
  get maxEntryBytes(): number | undefined {
    const maxPayload = this.#started?.link.maxPayload;
    return maxPayload === undefined ? undefined : Math.max(0, maxPayload - HEADER_BYTES - 4);
  }

  start(host: EngineHost): Promise<void> {
    if (this.#started !== undefined)
      throw new MisuseError('ERR_STATE', 'an engine serves one server; call natsEngine for each');
    const deadlineMs = Math.min(this.#settings.deadlineMs, host.limits.deadlineMs);
    const { clock, nodeId } = host;
    const membership: Membership = new Membership({
      host,
      deadlineMs,
      subjects: this.#subjects,
      gone: (node) => this.#gone(members, node),
      members: () => members,
      dropped: (topic, fields) => this.#dropped(topic, fields),
    });
    const members = new NatsMembers({
      clock,
      nodeId,
      deadlineMs,
      peers: membership.peers,
      send: (to, message) => membership.send(to, message),
    });
    const link = new Link(this.#settings.connection, {
      host,
      deadlineMs,
      join: (session) => membership.join(session),
      up: () => {
        this.#beats = 0;
        host.connected();
      },
      down: (error) => {
        members.clear(error);
        host.disconnected(error);
      },
    });
    this.#started = { host, link, membership, members };
    return link.start();
  }

  async stop(deadlineMs: number): Promise<void> {
    const started = this.#started;
    if (started === undefined) return;
    const { link, membership, members } = started;
    await link.stop(deadlineMs, (session) => membership.leave(session));
    members.clear(new EngineError('ERR_ENGINE_DOWN', 'the engine has stopped'));
    this.#arrivals.clear();
  }

  async publish({ topic, node, seq, entries, history }: Batch): Promise<Published | undefined> {
    if (history !== undefined) throw noHistory();
    await this.#send('m', { kind: 'messages', topic }, node, seq, entries);
    return undefined;
  }

  async interest(add: readonly Channel[], remove: readonly Channel[]): Promise<void> {
    const { link, members } = this.#usable();
    const session = link.usable();
    for (const channel of remove) {
      const subject = this.#subjects.channel(channel);
      session.unsubscribe(subject);
      this.#arrivals.delete(subject);
      if (channel.kind === 'members') members.unfollow(channel.topic);
    }
    for (const channel of add) {
      const subject = this.#subjects.channel(channel);
      if (channel.kind === 'members') members.follow(channel.topic);
      session.subscribe(subject, (message) => this.#arrived(channel, message));
    }
    await session.flushed();
  }

  async read(): Promise<HistoryRead> {
    throw noHistory();
  }

  async positions(topics: readonly string[]): Promise<readonly (Position | undefined)[]> {
    this.#usable();
    return topics.map(() => undefined);
  }

  async enter(topic: string, entered: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const { members } = this.#usable();
    members.enter(topic, entered);
    await this.#change(
      topic,
      Array.from(entered, ([field, value]) => memberChange(field, value)),
    );
  }

  async leave(topic: string, fields: readonly string[]): Promise<void> {
    const { members, membership, link } = this.#usable();
    const { own, other } = members.leave(topic, fields);
    if (other.length > 0) membership.drop(topic, other);
    if (own.length > 0) await this.#left(topic, own);
    else await link.usable().flushed();
  }

  async members(topic: string, max: number): Promise<MembersRead> {
    return this.#usable().members.read(topic, max);
  }

  async beat(info: Uint8Array, ttlMs: number): Promise<readonly NodeEntry[]> {
    const { link, membership, members } = this.#usable();
    // The node has announced its interest anew by its second beat.
    if (++this.#beats === 2) this.#forgetEnded(link.usable(), members);
    return membership.beat(info, ttlMs);
  }

  async tell(to: { readonly node: string } | 'all', bytes: Uint8Array): Promise<void> {
    const { membership, link } = this.#usable();
    membership.send(to === 'all' ? undefined : to.node, { op: 'tell', bytes });
    await link.usable().flushed();
  }

  reconnect(reason: Error): void {
    this.#started?.link.reconnect(reason);
  }

  /** @throws EngineError `ERR_ENGINE_DOWN` */
  #usable(): Started {
    if (this.#started === undefined) throw new EngineError('ERR_ENGINE_DOWN', 'the engine is not started');
    this.#started.link.usable();
    return this.#started;
  }

  async #send(
    kind: 'm' | 'j',
    channel: Channel,
    node: string,
    seq: number,
    entries: readonly Uint8Array[],
  ): Promise<void> {
    const { link } = this.#usable();
    const session: Session = link.usable();
    const subject = this.#subjects.channel(channel);
    for (const envelope of envelopesOf(kind, node, seq, entries, link.maxPayload ?? Infinity))
      session.publish(subject, envelope);
    await session.flushed();
    session.checkAllowed(subject);
  }

  #change(topic: string, changes: readonly Uint8Array[]): Promise<void> {
    const { nodeId } = this.#started!.host;
    return this.#send('j', { kind: 'members', topic }, nodeId, ++this.#changes, changes);
  }

  #left(topic: string, fields: readonly string[]): Promise<void> {
    return this.#change(
      topic,
      fields.map((field) => memberChange(field, undefined)),
    );
  }

  /** Another node removed members of this one. */
  #dropped(topic: string, fields: readonly string[]): void {
    const { host, members } = this.#started!;
    const { own } = members.leave(topic, fields);
    if (own.length > 0) this.#left(topic, own).catch((error: Error) => host.fault(error));
  }

  /** No call removes the interest that ended while NATS could not be used. */
  #forgetEnded(session: Session, members: NatsMembers): void {
    for (const subject of this.#arrivals.keys())
      if (!session.isSubscribed(subject)) this.#arrivals.delete(subject);
    members.keep((topic) => session.isSubscribed(this.#subjects.channel({ kind: 'members', topic })));
  }

  #gone(members: NatsMembers, node: string): void {
    members.gone(node);
    for (const arrivals of this.#arrivals.values()) arrivals.forget(node);
  }

  #arrived(channel: Channel, { subject, data }: NatsMessage): void {
    const { host, members } = this.#started!;
    const kind = channel.kind === 'messages' ? 'm' : 'j';
    try {
      const envelope = readEnvelope(data, host.limits.maxEntryBytes);
      const { header } = envelope;
      if (envelope.kind !== kind || header.epoch !== undefined)
        throw new EngineError('ERR_ENGINE_MESSAGE', `an envelope that does not belong on '${subject}'`);
      if (kind === 'j' && header.node !== host.nodeId)
        members.changed(channel.topic, header.node, envelope.entries);
      let arrivals = this.#arrivals.get(subject);
      if (arrivals === undefined) this.#arrivals.set(subject, (arrivals = new Arrivals()));
      const { seq, entries } = arrivals.fresh(envelope);
      if (entries.length > 0)
        host.deliver(channel, { node: header.node, seq, epoch: undefined, first: 0 }, entries);
    } catch (error) {
      host.fault(error as Error);
    }
  }
}

const noHistory = (): EngineError =>
  new EngineError(
    'ERR_ENGINE_REFUSED',
    'NATS stores no messages here: use redisEngine for topics with history',
  );
