import assert from 'node:assert/strict';
import { ClusterNode } from '../src/cluster/cluster-node.ts';
import { RecoveryRoom } from '../src/cluster/recovery.ts';
import { PreparedMessage } from '../src/protocol/outgoing/prepared-message.ts';
import { plainRunOf } from '../src/server/groups/position-follower.ts';
import type { LocalServer, Relayed, TopicMessage, TopicNodeOwner } from '../src/server/groups/topic-node.ts';
import { seededRandom, VirtualClock } from '../src/testing/index.ts';
import { type Prng, prng } from './prng.ts';
import { type HubEngine, TopicHub } from './topic-hub.ts';

const TOPICS = ['a', 'b'];
type Position = NonNullable<TopicMessage['position']>;

/** A subscriber that follows one topic, on one node at a time, and checks everything that it gets. */
class Follower {
  readonly topic: string;
  readonly #hub: TopicHub;
  position: Position | undefined;
  server: Server | undefined;
  state: 'away' | 'waits' | 'joined' = 'away';
  #cancel: (() => void) | undefined;

  constructor(topic: string, hub: TopicHub) {
    this.topic = topic;
    this.#hub = hub;
  }

  join(server: Server, keepsFirst: number | undefined, checksFalse: boolean): void {
    const since = this.position;
    this.server = server;
    this.state = 'waits';
    this.#cancel = server.node.resume(this.topic, since, {
      runOf: plainRunOf,
      resumed: ({ recovered, position, missed }, sent) => {
        this.state = 'joined';
        if (recovered) assert.deepEqual(position, since, 'recovered from another position');
        else if (since !== undefined && checksFalse) this.#checkFalse(since);
        this.position = position;
        server.add(this);
        // A connection that breaks keeps a part.
        for (const message of missed.slice(0, keepsFirst)) this.received(message);
        sent();
        if (keepsFirst !== undefined && keepsFirst < missed.length) this.leave();
      },
      failed: () => {
        this.state = 'away';
      },
    });
  }

  leave(): void {
    if (this.state === 'joined') this.server!.remove(this);
    else this.#cancel?.();
    this.state = 'away';
  }

  received({ position, message }: TopicMessage): void {
    const { epoch, offset } = this.position!;
    assert.deepEqual(position, { epoch, offset: offset + 1 }, `after ${epoch} ${offset}`);
    const truth = this.#hub.truth.get(`${this.topic} ${position.epoch} ${position.offset}`);
    assert.ok(truth !== undefined && message.frame.equals(truth), 'another message at this position');
    this.position = position;
  }

  lost(position: Position): void {
    assert.notDeepEqual(position, this.position, 'lost without a loss');
    this.position = position;
  }

  /** The history does not cover the position. */
  #checkFalse(since: Position): void {
    const stored = this.#hub.stored.get(this.topic);
    const isCovered =
      stored?.epoch === since.epoch &&
      since.offset >= stored.top - stored.entries.length &&
      since.offset <= stored.top;
    assert.ok(!isCovered, `position ${since.epoch} ${since.offset} was recoverable`);
  }
}

/** No node asks anything here. */
const SILENT: LocalServer = {
  info: { id: 'unused', name: undefined, host: '', pid: 0, version: '', since: new Date(0) },
  subscriberCount: () => 0,
  disconnect: () => false,
  stats: () => assert.fail('nobody asks'),
  broadcast: () => assert.fail('nobody broadcasts'),
};

/** A server with its node of topics. */
class Server implements TopicNodeOwner {
  readonly local = SILENT;
  readonly engine: HubEngine;
  readonly node: ClusterNode;
  readonly #followers = new Map<string, Set<Follower>>();

  constructor(hub: TopicHub, seed: number, maxMessages: number, maxHistoryBytes: number) {
    this.engine = hub.engine();
    this.node = new ClusterNode({
      owner: this,
      history: [{ match: '*', maxMessages, maxBytes: 100_000, ttlMs: 300_000, positionTtlMs: 300_000 }],
      presence: [],
      engine: this.engine,
      clock: hub.clock,
      random: seededRandom(seed),
      maxHistoryBytes,
      maxMessageBytes: 1_000,
      room: new RecoveryRoom(),
    });
    this.node.start();
  }

  add(follower: Follower): void {
    const followers = this.#followers.get(follower.topic) ?? new Set();
    this.#followers.set(follower.topic, followers.add(follower));
    if (followers.size === 1) this.node.subscribe(follower.topic);
  }

  remove(follower: Follower): void {
    const followers = this.#followers.get(follower.topic)!;
    followers.delete(follower);
    if (followers.size > 0) return;
    this.#followers.delete(follower.topic);
    this.node.unsubscribe(follower.topic);
  }

  deliver(
    topic: string,
    messages: readonly TopicMessage[],
  ): { sent: number; skipped: number; failed: number } {
    const followers = this.#followers.get(topic) ?? [];
    for (const follower of followers) for (const message of messages) follower.received(message);
    return { sent: [...followers].length, skipped: 0, failed: 0 };
  }

  lost(topic: string, position: Position): void {
    for (const follower of this.#followers.get(topic) ?? []) follower.lost(position);
  }

  joined(): void {}
  left(): void {}
  counted(): void {}
  engineUp(): void {}
  engineDown(): void {}

  engineFault(error: Error): void {
    if (!error.message.includes('cannot be reached')) throw error;
  }
}

interface Published {
  readonly topic: string;
  readonly frame: Buffer;
  readonly result: Promise<Relayed>;
}

/** One run: random steps, then everything heals. */
class Run {
  readonly #random: Prng;
  readonly #hub: TopicHub;
  readonly #servers: Server[];
  readonly #followers: Follower[];
  readonly #published: Published[] = [];
  readonly #overflows: boolean;

  constructor(random: Prng) {
    this.#random = random;
    this.#hub = new TopicHub(new VirtualClock(), random);
    const maxMessages = random.pick([3, 20, 100]);
    this.#overflows = random.bool(0.2);
    const maxHistoryBytes = this.#overflows ? 2_000 : 1_000_000;
    this.#servers = [1, 2, 3].map((id) => new Server(this.#hub, id, maxMessages, maxHistoryBytes));
    this.#followers = Array.from({ length: 6 }, () => new Follower(random.pick(TOPICS), this.#hub));
  }

  async go(): Promise<void> {
    for (let steps = 10 + this.#random.int(50); steps > 0; steps--) await this.#step();
    await this.#heal();
    await this.#checkResults();
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const { faults } = this.#hub;
    const kind = random.int(20);
    if (kind < 8) this.#publish(random.pick(TOPICS), 1 + random.int(random.pick([1, 4, 90])));
    else if (kind < 13) this.#move(random.pick(this.#followers));
    else if (kind === 13) random.pick(this.#servers).engine.cut();
    else if (kind === 14) for (const { engine } of this.#servers) engine.connect();
    else if (kind === 15) faults.drop = random.pick([0, 0, 0.3, 1]);
    else if (kind === 16) faults.stalled = random.bool(0.4);
    else if (kind === 17 && random.bool(0.4)) this.#hub.restart(random.bool());
    else if (kind === 18) faults.delayMs = random.pick([1, 5, 200]);
    await this.#pass(random.pick([0, 1, 3, 10, 50, 50, 400, 6_000, 12_000]));
  }

  #publish(topic: string, count: number): void {
    const { node } = this.#random.pick(this.#servers);
    for (let i = 0; i < count; i++) {
      const message = new PreparedMessage(`${topic} ${this.#published.length}`);
      this.#published.push({
        topic,
        frame: message.frame,
        result: node.publish(topic, message, undefined, undefined),
      });
    }
  }

  #move(follower: Follower): void {
    const random = this.#random;
    if (follower.state !== 'away') follower.leave();
    if (random.bool(0.8))
      follower.join(
        random.pick(this.#servers),
        random.bool(0.1) ? random.int(5) : undefined,
        !this.#overflows,
      );
  }

  async #pass(ms: number): Promise<void> {
    await jobs();
    for (let left = ms; left > 0; ) {
      const next = Math.min(left, left > 1_000 ? 250 : Math.ceil(ms / 4));
      this.#hub.clock.advance(next);
      left -= next;
      await jobs();
    }
  }

  /** Ends all faults. Within the time of a position check every follower has everything. */
  async #heal(): Promise<void> {
    Object.assign(this.#hub.faults, { drop: 0, delayMs: 5, stalled: false });
    for (const { engine } of this.#servers) engine.connect();
    await this.#pass(25_000);
    for (const follower of this.#followers)
      if (follower.state === 'away')
        follower.join(this.#random.pick(this.#servers), undefined, !this.#overflows);
    for (const topic of TOPICS) this.#publish(topic, 1);
    await this.#pass(1_000);
    for (const { state, topic, position } of this.#followers) {
      const { epoch, top } = this.#hub.stored.get(topic)!;
      assert.deepEqual([state, position], ['joined', { epoch, offset: top }], 'not up to date');
    }
  }

  async #checkResults(): Promise<void> {
    const places = new Map<string, string[]>();
    for (const [place, entry] of this.#hub.truth) {
      const key = Buffer.from(entry).toString('latin1');
      places.set(key, [...(places.get(key) ?? []), place]);
    }
    for (const { topic, frame, result } of this.#published) {
      const stored = places.get(frame.toString('latin1')) ?? [];
      // A batch in flight at a restart may be stored once in each epoch.
      if (this.#hub.restarts === 0) assert.ok(stored.length <= 1, 'stored twice');
      const relayed = await Promise.race([result, jobs().then(() => undefined)]);
      assert.ok(
        relayed !== undefined,
        `publish ${frame.toString('latin1')} has no result; stored at ${stored.join()} of ${this.#published.length}`,
      );
      if (relayed.ok) {
        const { epoch, offset } = relayed.position!;
        assert.ok(stored.includes(`${topic} ${epoch} ${offset}`), 'the result names another position');
      } else if (relayed.outcome === 'not-published') assert.equal(stored.length, 0, 'published after all');
    }
  }
}

async function jobs(): Promise<void> {
  for (let i = 0; i < 12; i++) await Promise.resolve();
}

/**
 * Publishes, resumes, moves, cuts, dropped arrivals, stalls and restarts at random: three nodes and six subscribers on one
 * broker. Invariants:
 * - Within an epoch a subscriber gets every message once, in the order of the broker; before a hole it gets `lost` or
 *   `recovered: false`.
 * - `recovered: false` is answered only if the history does not cover the position.
 * - A message is stored at most once, except across restarts of the broker, and its result says what happened.
 * - When the faults end, every subscriber is up to date.
 * @throws Error that names seed and iteration.
 */
export async function fuzzTopics(seed: number, iterations: number): Promise<void> {
  const random = prng(seed);
  // One pass is some thirty steps of three nodes.
  for (let iteration = 0; iteration < iterations / 25; iteration++) {
    try {
      await new Run(random).go();
    } catch (error) {
      throw new Error(`seed ${seed}, iteration ${iteration}`, { cause: error });
    }
  }
}
