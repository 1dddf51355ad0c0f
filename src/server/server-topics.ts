import type { ServerControl } from '../cluster/engine.ts';
import type { Sessions } from '../cluster/hawser-v1/sessions.ts';
import type { DriverOf } from '../connection/connection.ts';
import type { Clock } from '../engine/clock.ts';
import type { Engine } from '../engine/engine.ts';
import type { Observers } from '../connection/observers.ts';
import type { ResumeResult } from '../observe/observer.ts';
import type { ResolvedServerOptions } from '../options/resolve-server-options.ts';
import { Groups, type GroupsOwner } from './groups/groups.ts';
import { NodeGate, type NodeGateOwner } from './groups/node-gate.ts';
import { OwnServer, type OwnServerOwner } from './groups/own-server.ts';
import { RequestHandlers } from './groups/request-handlers.ts';
import { AllServers, type ServerCluster } from './groups/server-cluster.ts';
import type { SessionHost } from './groups/session-host.ts';
import { type EngineReports, TopicDelivery } from './groups/topic-delivery.ts';
import type { LoadedNode, Member, MemberList } from './groups/topic-node.ts';
import type { PresenceWatcher } from './groups/topic-presence.ts';
import type { ServerReports } from './server-reports.ts';
import { HAWSER_V1, type LoadTopics, loadTopics, needsTopics } from './topic-loader.ts';

/** Longest time of each step in which the topics of a server end, in ms. */
const STEP_MS = 2_000;

/** The server that the topics belong to. */
export interface TopicsOwner<UserData>
  extends GroupsOwner<UserData>,
    ServerControl,
    Omit<OwnServerOwner<UserData>, 'groups' | 'options' | 'registry'> {
  readonly options: ResolvedServerOptions<UserData>;
  readonly groups: Groups<UserData>;
  readonly clock: Clock;
  readonly engine: Engine;
  readonly observers: Observers;
  readonly reports: ServerReports<UserData>;
  handlerFailed(error: unknown, driver: DriverOf<UserData> | undefined, where: string): void;
}

/** The topics of a server, with histories, members, an engine and `hawser.v1`, as far as its options need them. */
export class ServerTopics<UserData>
  implements NodeGateOwner, SessionHost<UserData>, EngineReports, PresenceWatcher
{
  readonly groups: Groups<UserData>;
  readonly handlers = new RequestHandlers<UserData>();
  readonly #owner: TopicsOwner<UserData>;
  readonly #load: LoadTopics<UserData>;
  readonly #local: OwnServer<UserData>;
  #sessions: Sessions<UserData> | undefined;
  #cluster: ServerCluster | undefined;

  /** @param load Default: loads it from cluster/ if an option needs it. */
  constructor(owner: TopicsOwner<UserData>, load: LoadTopics<UserData> | undefined) {
    this.#owner = owner;
    this.#load = load ?? loadTopics;
    this.#local = new OwnServer(owner);
    const isNeeded = load !== undefined || needsTopics(owner.options);
    this.groups = new Groups(owner, isNeeded ? new NodeGate(this, owner.options) : undefined);
  }

  get options(): ResolvedServerOptions<UserData> {
    return this.#owner.options;
  }

  get clock(): Clock {
    return this.#owner.clock;
  }

  /** Only sessions read it, and without a node there is none. */
  get node(): NodeGate {
    return this.groups.node!;
  }

  /** Calls to all servers. */
  get cluster(): ServerCluster {
    const { node } = this.groups;
    this.#cluster ??= new AllServers(this.#local, node?.isLocal === false ? node : undefined);
    return this.#cluster;
  }

  /** Whether clients have to wait because the engine is down. */
  get lacksEngine(): boolean {
    return this.options.requireEngine && this.groups.node?.state === 'down';
  }

  /** Loads and starts what the topics need; `undefined` if nothing is left to load. The promise never rejects. */
  opening(): Promise<void> | undefined {
    const { node } = this.groups;
    return node === undefined || node.isOpen ? undefined : node.open();
  }

  /** Begins the session of a connection that has just opened, if it has a subprotocol of Hawser. */
  openSession(driver: DriverOf<UserData>): void {
    if (driver.protocol !== HAWSER_V1 || this.groups.node === undefined) return;
    if (this.#sessions === undefined) {
      driver.closeFor(1011, 'hawser.v1 cannot be spoken', 'internal-error');
      return;
    }
    driver.session = this.#sessions.open(driver);
    this.groups.sessions++;
  }

  /** Removes the members of this server from the engine, before the connections close. Never rejects; `undefined` without a node. */
  retire(): Promise<void> | undefined {
    return this.groups.node?.retire(STEP_MS);
  }

  /** Publishes what is queued, and leaves the engine. */
  async stop(): Promise<void> {
    try {
      await this.groups.node?.stop(STEP_MS);
    } catch (error) {
      this.#owner.reports.engineFailed(error);
    }
  }

  // `NodeGateOwner`.

  async load(): Promise<LoadedNode> {
    const owner = this.#owner;
    const { engine, options } = owner;
    const delivery = new TopicDelivery(this.groups, this.#local, this);
    // Engines of the application get it.
    const control: ServerControl = {
      metrics: () => owner.metrics(),
      snapshots: (views) => owner.snapshots!(views),
      shutdown: (timeoutMs) => owner.shutdown(timeoutMs),
    };
    const { node, sessions } = await this.#load(delivery, this, options, engine, control);
    this.#sessions = sessions;
    return node;
  }

  loadFailed(error: unknown): void {
    this.#owner.reports.engineFailed(error);
  }

  resumed(topic: string, result: ResumeResult): void {
    this.#owner.observers.tell('resumed', topic, result);
  }

  matchFailed(error: unknown): void {
    this.#owner.handlerFailed(error, undefined, 'a function given as match');
  }

  // `SessionHost`.

  handlerFailed(error: unknown, driver: DriverOf<UserData> | undefined, where: string): void {
    this.#owner.handlerFailed(error, driver, where);
  }

  // `EngineReports`.

  engineUp(info: { readonly downMs: number; readonly gaps: number }): void {
    this.#owner.observers.tell('engineUp', info.downMs, info.gaps);
    this.#owner.reports.emit('engineUp', info);
  }

  engineDown(error: Error): void {
    this.#owner.observers.tell('engineDown', error);
    this.#owner.reports.emit('engineDown', error);
  }

  engineFault(error: Error): void {
    this.#owner.observers.tell('engineFault', error);
  }

  topicLost(topic: string): void {
    this.#owner.observers.tell('topicLost', topic);
  }

  // `PresenceWatcher`.

  joined(topic: string, member: Member): void {
    this.#owner.reports.emit('join', topic, member);
  }

  left(topic: string, member: Member): void {
    this.#owner.reports.emit('leave', topic, member);
  }

  counted(topic: string, list: MemberList): void {
    this.#owner.reports.emit('members', topic, list);
  }
}
