import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Sessions } from '../../../src/cluster/hawser-v1/sessions.ts';
import { SafeEmitter } from '../../../src/connection/emitter.ts';
import type { Connection, ServerEvents, ServerOptions } from '../../../src/index.ts';
import { Fields } from '../../../src/protocol/handshake/fields.ts';
import type { LoadedNode, TopicNodeOwner } from '../../../src/server/groups/topic-node.ts';
import { ServerCore } from '../../../src/server/server-core.ts';
import { shutDown, shutdownSettings } from '../../../src/server/shutdown.ts';
import {
  binary,
  duplexPair,
  type DuplexPair,
  eventLoopTurns,
  RawClient,
  text,
  VirtualClock,
} from '../../../src/testing/index.ts';
import { upgradeRequest } from '../../server/live.ts';

/** Turns in which a frame and its answer arrive in memory. */
const TURNS = 8;

export type Fact = Readonly<Record<string, unknown>>;

/** A client that sends frames of `hawser.v1`, and reads those of the server. */
export interface V1Peer {
  readonly raw: RawClient;
  readonly wire: DuplexPair;
  readonly connection: Connection;
  /** Frames as objects; strings as they are. */
  readonly sends: (...frames: (Fact | string)[]) => void;
  readonly sendsBinary: (bytes: Uint8Array) => void;
  /** The next frame. */
  readonly gets: () => Promise<Fact>;
  /** All frames that arrive within a few turns. */
  readonly all: () => Promise<Fact[]>;
}

export interface V1Server {
  readonly core: ServerCore<unknown>;
  readonly emitter: SafeEmitter<ServerEvents<unknown>>;
  readonly clock: VirtualClock;
  /** What went wrong in functions of the application. A test that expects it empties the list. */
  readonly errors: (Error & { code?: string })[];
  /** @param protocols Default: `hawser.v1`. */
  readonly joins: (protocols?: string) => Promise<V1Peer>;
  /** As {@link joins}, after its `hello`. */
  readonly greeted: () => Promise<V1Peer>;
}

const ALLOW: ServerOptions = { authorizeSubscribe: () => true, authorizePublish: () => true };

/**
 * A server that speaks `hawser.v1`, on its own clock and without a network. At the end of the test nothing is left of it.
 * @param node Makes the node. Default: that of cluster/, with the engine of the process.
 */
export function v1Server(
  t: TestContext,
  options: ServerOptions = {},
  node?: (owner: TopicNodeOwner) => LoadedNode,
): V1Server {
  const clock = new VirtualClock();
  const core = new ServerCore<unknown>(
    { clock, protocols: ['hawser.v1', 'chat'], ...ALLOW, ...options },
    undefined,
    [],
    node === undefined
      ? undefined
      : (owner, host) => Promise.resolve({ node: node(owner), sessions: new Sessions(host) }),
  );
  const emitter = new SafeEmitter<ServerEvents<unknown>>(core);
  core.emitter = emitter;
  const errors: Error[] = [];
  emitter.on('error', (error) => void errors.push((error.cause as Error | undefined) ?? error));
  const peers: V1Peer[] = [];
  t.after(async () => {
    for (const { raw } of peers) raw[Symbol.dispose]();
    await eventLoopTurns(3);
    await shutDown(core, shutdownSettings(undefined), undefined);
    await core.topics.stop();
    await eventLoopTurns(3);
    const { topics, sessions } = core.groups;
    assert.deepEqual(
      { topics: topics.size, subscriptions: topics.subscriptions, sessions, timers: clock.pendingTimers },
      { topics: 0, subscriptions: 0, sessions: 0, timers: 0 },
    );
    assert.deepEqual(errors, []);
  });
  const joins = async (protocols = 'hawser.v1'): Promise<V1Peer> => {
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    const request = upgradeRequest({ 'Sec-WebSocket-Protocol': protocols });
    const head = {
      method: 'GET',
      target: '/',
      httpVersion: '1.1',
      fields: Fields.fromRaw(request.rawHeaders),
    };
    const connection = await core.arrivals.upgrade(wire.server, head, Buffer.alloc(0), request);
    assert.ok(connection);
    await raw.nextHead();
    const gets = async (): Promise<Fact> => {
      const { opcode, payload } = await raw.nextFrame();
      if (opcode === 8) return { close: payload.readUInt16BE() };
      return JSON.parse(payload.toString()) as Fact;
    };
    const peer: V1Peer = {
      raw,
      wire,
      connection,
      sends: (...frames) =>
        raw.send(
          Buffer.concat(
            frames.map((frame) => text(typeof frame === 'string' ? frame : JSON.stringify(frame))),
          ),
        ),
      sendsBinary: (bytes) => raw.send(binary(bytes)),
      gets,
      all: async () => {
        let before = -1;
        while (before !== raw.received.length) {
          before = raw.received.length;
          await eventLoopTurns(TURNS);
        }
        const facts: Fact[] = [];
        while (raw.received.length > 0) facts.push(await gets());
        return facts;
      },
    };
    peers.push(peer);
    return peer;
  };
  return {
    core,
    emitter,
    clock,
    errors,
    joins,
    greeted: async () => {
      const peer = await joins();
      assert.equal((await peer.gets())['op'], 'hello');
      return peer;
    },
  };
}

/**
 * Compares facts. A string that begins with `$` in `expected` stands for any value: the same name is the same value.
 * @param bound The values of the names so far.
 */
export function matches(
  actual: readonly Fact[],
  expected: readonly Fact[],
  bound = new Map<string, unknown>(),
): void {
  const filled = (value: unknown, seen: unknown): unknown => {
    if (typeof value === 'string' && value.startsWith('$')) {
      if (value === '$') return seen;
      if (!bound.has(value)) bound.set(value, seen);
      return bound.get(value);
    }
    if (Array.isArray(value))
      return value.map((each, i) => filled(each, (seen as unknown[] | undefined)?.[i]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, filled(each, (seen as Fact | undefined)?.[name])]),
    );
  };
  assert.deepEqual(
    actual,
    expected.map((each, i) => filled(each, actual[i])),
  );
}

// Frames of a client, and answers of the server.

export const subscribe = (id: number | string, topic: string, more: Fact = {}): Fact => ({
  op: 'subscribe',
  id,
  topic,
  ...more,
});
export const publish = (id: number, topic: string, data: string): Fact => ({
  op: 'publish',
  id,
  topic,
  data,
});
export const ok = (id: number | string, topic: string): Fact => ({ op: 'ok', id, topic });
export const error = (id: number | string, code: string, more: Fact = {}): Fact => ({
  op: 'error',
  id,
  code,
  message: '$',
  ...more,
});

/** A promise, and the functions that settle it. */
export function deferred<Value>() {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}
