import type { Clock } from '../engine/clock.ts';
import type { Engine as ProcessEngine } from '../engine/engine.ts';
import type { RandomSource } from '../engine/random.ts';
import { EngineError, MisuseError } from '../protocol/errors.ts';
import type { PreparedMessage } from '../protocol/outgoing/prepared-message.ts';
import type { ConnectionIds } from '../server/groups/broadcast.ts';
import type { Position } from '../server/groups/topic.ts';
import type {
  LoadedNode,
  MemberList,
  Relayed,
  ResumeWaiter,
  TopicNodeOwner,
} from '../server/groups/topic-node.ts';
import { isValidHeader } from './arrivals.ts';
import { Calls } from './calls.ts';
import { ControlMessages } from './control-messages.ts';
import type { ArrivalHeader, Channel, Engine, EngineHost, ServerControl } from './engine.ts';
import { LocalEngine } from './engines/local.ts';
import { ENTRY_HEAD_BYTES } from './envelope.ts';
import { Interest, type Interested } from './interest.ts';
import type { ClusterNodeSettings } from './node-settings.ts';
import { NodeTopics } from './node-topics.ts';
import { Outage } from './outage.ts';
import { Presence } from './presence.ts';
import { Publishing } from './publishing.ts';
import { RecoveryRoom } from './recovery.ts';
import { PROBE, Upkeep } from './upkeep.ts';

/** Creates the node of a server. It does nothing before `start`. */
export const createTopicNode = (
  settings: Omit<ClusterNodeSettings, 'room'>,
  process: ProcessEngine,
): LoadedNode => new ClusterNode({ ...settings, room: process.part(RecoveryRoom) });

/** Topics with history and presence of one server, over one engine: its parts, their life, and what the engine calls. */
export class ClusterNode implements LoadedNode, EngineHost {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly limits: EngineHost['limits'];
  readonly server: ServerControl | undefined;
  readonly others: Calls;
  readonly #owner: TopicNodeOwner;
  readonly #engine: Engine;
  readonly #isAlone: boolean;
  readonly #interest: Interest;
  readonly #topics: NodeTopics;
  readonly #publishing: Publishing;
  readonly #presence: Presence;
  readonly #upkeep: Upkeep;
  readonly #outage: Outage;
  readonly #control = new ControlMessages();
  #state: 'new' | 'up' | 'down' | 'stopped' = 'new';
  #retired: Promise<void> | undefined;
  #wakes = false;
  readonly #turn = (): void => this.#endTurn();

  constructor(settings: ClusterNodeSettings) {
    const { owner, clock, random, deadlineMs = 5_000, maxHistoryBytes, maxMessageBytes, room } = settings;
    const engine = settings.engine ?? new LocalEngine();
    const isAlone = settings.engine === undefined;
    const nodeId = settings.nodeId ?? random.bytes(12).toString('base64url');
    const maxEntryBytes = maxMessageBytes + ENTRY_HEAD_BYTES;
    this.nodeId = nodeId;
    this.server = settings.server;
    this.clock = clock;
    this.random = random;
    this.limits = { deadlineMs, maxEntryBytes, maxHistoryBytes };
    this.#owner = owner;
    this.#engine = engine;
    this.#isAlone = isAlone;
    this.#outage = new Outage(clock, owner);
    /** What all parts need. */
    const part = {
      clock,
      random,
      nodeId,
      engine,
      server: owner,
      isAlone,
      maxEntryBytes,
      isUp: () => this.#state === 'up',
      wake: () => this.#wake(),
      fault: (error: unknown) => this.#fail(error),
      wantInterest: (user: Interested) => this.#interest.want(user),
      releaseInterest: (user: Interested) => this.#interest.release(user),
    };
    this.#interest = new Interest({ ...part, interest: (add, remove) => engine.interest(add, remove) });
    this.#topics = new NodeTopics(settings.history, {
      ...part,
      maxHistoryBytes,
      room,
      outage: this.#outage,
      batchOf: (topic) => this.#publishing.batchOf(topic),
      released: (topic) => this.#publishing.release(topic),
    });
    this.#publishing = new Publishing({ ...part, topics: this.#topics });
    this.#presence = new Presence(settings.presence, engine, {
      ...part,
      beat: () => (isAlone ? Promise.resolve() : this.#upkeep.beat()),
    });
    this.#upkeep = new Upkeep(engine, {
      ...part,
      deadlineMs,
      isInterested: () => this.#interest.size > 0,
      logs: () => this.#topics.logs(),
      nodesAlive: (entries, askedMs, isLate) => {
        this.others.nodesAlive(entries, askedMs);
        this.#presence.nodesAlive(new Set(entries.map(({ node }) => node)), askedMs, isLate);
      },
    });
    this.others = new Calls({ ...part, beat: () => this.#upkeep.beat() }, this.#control);
    // A probe has done its work by coming back.
    this.#control.on(PROBE, () => {});
  }

  get state(): 'alone' | 'up' | 'down' {
    return this.#isAlone ? 'alone' : this.#state === 'up' ? 'up' : 'down';
  }

  start(): void {
    if (this.#state !== 'new') throw new MisuseError('ERR_STATE', 'a node of topics is started once');
    this.#state = 'down';
    if (!this.#isAlone) this.#upkeep.start();
    this.#engine.start(this).catch((error: unknown) => this.#fail(error));
  }

  retire(deadlineMs: number): Promise<void> {
    this.#retired ??= this.#within(deadlineMs, this.#presence.stop());
    this.#upkeep.retire();
    return this.#retired;
  }

  async stop(deadlineMs: number): Promise<void> {
    if (this.#state === 'stopped') return;
    await this.retire(deadlineMs);
    this.others.stop();
    this.#topics.stop();
    await this.#within(deadlineMs, this.#interest.stop());
    await this.#publishing.drain(this.#state === 'up' ? deadlineMs : 0);
    this.#state = 'stopped';
    this.#upkeep.stop();
    await this.#engine.stop(deadlineMs);
  }

  hasHistory(topic: string): boolean {
    return this.#topics.ruleOf(topic) !== undefined;
  }

  hasPresence(topic: string): boolean {
    return this.#presence.has(topic);
  }

  subscribe(topic: string): void {
    this.#topics.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#topics.unsubscribe(topic);
  }

  fits(message: PreparedMessage, except: ConnectionIds): boolean {
    return this.#publishing.fits(message, except);
  }

  publish(
    topic: string,
    message: PreparedMessage,
    except: ConnectionIds,
    publisher: object | undefined,
  ): Promise<Relayed> {
    return this.#publishing.publish(topic, message, except, publisher);
  }

  resume(topic: string, since: Position | undefined, waiter: ResumeWaiter): () => void {
    return this.#topics.resume(topic, since, waiter);
  }

  position(topic: string): Promise<Position> {
    return this.#topics.position(topic);
  }

  enter(topic: string, connectionId: string, key: string, info: unknown): void {
    this.#presence.enter(topic, connectionId, key, info);
  }

  leave(topic: string, connectionId: string): void {
    this.#presence.leave(topic, connectionId);
  }

  members(topic: string): Promise<MemberList> {
    return this.#presence.members(topic);
  }

  watch(topic: string): void {
    this.#presence.watch(topic);
  }

  unwatch(topic: string): void {
    this.#presence.unwatch(topic);
  }

  connected(): void {
    if (this.#state === 'up' || this.#state === 'stopped') return;
    this.#state = 'up';
    this.#topics.online();
    this.#interest.online();
    this.#publishing.online();
    this.#presence.online();
    if (this.#isAlone) return;
    this.#upkeep.connected();
    this.others.online();
    this.#outage.over(this.#topics.logs());
  }

  disconnected(error: Error): void {
    if (this.#state === 'stopped') return;
    if (this.#state === 'up') {
      this.#state = 'down';
      this.#publishing.offline();
      this.#presence.offline();
      this.#topics.offline();
      this.#interest.offline();
      this.others.offline();
    }
    this.#outage.begin(error);
  }

  deliver({ kind, topic }: Channel, header: ArrivalHeader, entries: readonly Uint8Array[]): void {
    if (!this.#isAlone) {
      if (!isValidHeader(header)) {
        this.#fail(new EngineError('ERR_ENGINE_MESSAGE', 'the header of an arrival is invalid'));
        return;
      }
      this.#upkeep.heard();
    }
    if (kind === 'members') this.#presence.arrived(topic, entries);
    else this.#topics.arrived(topic, header, entries);
  }

  control(bytes: Uint8Array): void {
    this.#upkeep.heard();
    try {
      this.#control.received(bytes);
    } catch (error) {
      this.#fail(error);
    }
  }

  fault(error: Error): void {
    this.#fail(error);
  }

  #wake(): void {
    if (this.#wakes) return;
    this.#wakes = true;
    queueMicrotask(this.#turn);
  }

  #endTurn(): void {
    this.#wakes = false;
    if (this.#state === 'stopped') return;
    this.#topics.serve();
    this.#interest.flush();
    this.#topics.flush();
    this.#publishing.flush();
    this.#presence.flush();
  }

  /** Waits for a step that never rejects, for a limited time. */
  #within(deadlineMs: number, step: Promise<void>): Promise<void> {
    let timer: unknown;
    const elapsed = new Promise<void>((resolve) => {
      timer = this.clock.setTimer(resolve, deadlineMs);
    });
    return Promise.race([step, elapsed]).finally(() => this.clock.clearTimer(timer));
  }

  #fail(error: unknown): void {
    // Calls that are in flight while the engine stops may fail.
    if (this.#state === 'stopped') return;
    this.#owner.engineFault(error instanceof Error ? error : new Error(String(error)));
  }
}
