import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { type CloseInfo, type Connection, type ServerOptions, WebSocketServer } from '../src/index.ts';
import {
  close,
  continuation,
  type DuplexPair,
  duplexPair,
  eventLoopTurns,
  EXAMPLE_KEY,
  frame,
  ping,
  pong,
  RawClient,
  text,
  VirtualClock,
} from '../src/testing/index.ts';
import { type Prng, prng } from './prng.ts';

/** Longer than every timeout of a connection whose peer is silent and whose handlers have returned. */
const LONG_ENOUGH_MS = 120_000;
const STEP_MS = 500;

const FIELDS = {
  Host: 'localhost',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': EXAMPLE_KEY,
  'Sec-WebSocket-Version': '13',
};
const request = (): IncomingMessage =>
  ({
    method: 'GET',
    url: '/',
    httpVersion: '1.1',
    rawHeaders: Object.entries(FIELDS).flat(),
  }) as unknown as IncomingMessage;

/** A connection with both ends, and the events that its listeners received. */
interface Life {
  readonly connection: Connection;
  readonly raw: RawClient;
  readonly wire: DuplexPair;
  /** Messages may have a key. */
  readonly takesKeys: boolean;
  readonly heard: string[];
  /** The results of `connection.closed`; empty while it is pending. */
  readonly results: CloseInfo[];
}

const options = (random: Prng): ServerOptions => ({
  heartbeat: random.bool(0.7),
  idleTimeoutMs: random.pick([false, 31_000, 60_000]),
  closeTimeoutMs: random.pick([100, 5_000, 60_000]),
  maxLifetimeMs: random.pick([false, 25_000]),
  messageTimeoutMs: random.pick([1_000, 30_000]),
  writeTimeoutMs: 10_000,
  maxBufferedBytes: random.pick([2_000, 100_000]),
  highWaterMarkBytes: random.pick([1_000, 2_000]),
  onOverflow: random.pick(['close', 'drop-newest', 'drop-oldest', 'conflate'] as const),
  maxMessageBytes: 4_000,
});

async function begin(server: WebSocketServer, takesKeys: boolean): Promise<Life> {
  const wire = duplexPair({ highWaterMarkBytes: 2_000 });
  const raw = RawClient.over(wire.client);
  const connection = await server.handleUpgrade(request(), wire.server, Buffer.alloc(0));
  assert.ok(connection !== undefined);
  const heard: string[] = [];
  for (const event of ['message', 'ping', 'pong', 'drain', 'error', 'dropped', 'close'] as const) {
    connection.on(event, () => void heard.push(event));
  }
  connection.on('stateChange', (next, previous) => void heard.push(`${previous} to ${next}`));
  const results: CloseInfo[] = [];
  void connection.closed.then((info) => results.push(info));
  return { connection, raw, wire, takesKeys, heard, results };
}

/** Does one random action of the application, the peer or the network. */
function happen(random: Prng, { connection, raw, wire, takesKeys }: Life): void {
  const wireBytes = (): Buffer => {
    const whole = random.pick([
      text('hello'),
      text('half', { fin: false }),
      continuation('rest'),
      ping('p'),
      pong(''),
      frame({ opcode: 3 }),
      text(Buffer.of(0xff)),
      text('x'.repeat(5_000)),
      close(1000),
      close(4000, 'bye'),
      random.bytes(6),
    ]);
    return random.bool(0.8) ? whole : whole.subarray(0, random.int(whole.length));
  };
  switch (random.int(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      raw.send(wireBytes());
      break;
    case 4:
      raw.end();
      break;
    case 5:
      if (random.bool(0.3)) wire.reset();
      break;
    case 6:
      wire.toClient.cutInto(1 + random.int(50));
      break;
    case 7:
      if (random.bool()) wire.toClient.stall();
      else wire.toClient.unstall();
      break;
    case 8:
      if (random.bool(0.3)) connection.close(random.pick([1000, 4001]), 'why');
      break;
    case 9:
      if (random.bool(0.2)) connection.terminate();
      break;
    case 10:
      if (connection.state === 'open') connection.ping('x');
      break;
    case 11:
      connection.pause();
      break;
    case 12:
      connection.resume();
      break;
    default:
      connection.send(
        random.bool() ? 'y'.repeat(random.int(900)) : random.bytes(random.int(900)),
        takesKeys && random.bool(0.7) ? { key: random.pick(['a', 'b', 'c']) } : undefined,
      );
  }
}

const ORDERS = new Set(['open to closing,closing to closed', 'open to closed']);

/** Checks the invariants of a connection that has ended. */
function checkEnd({ connection, heard, results }: Life): void {
  assert.equal(connection.state, 'closed');
  assert.equal(heard.filter((event) => event === 'close').length, 1, `one close event: ${heard.join()}`);
  const after = heard.slice(heard.indexOf('close') + 1);
  assert.deepEqual(after, [], 'nothing after close');
  assert.ok(ORDERS.has(heard.filter((event) => event.includes(' to ')).join()), heard.join());
  assert.equal(results.length, 1);
  assert.equal(results[0], connection.closeInfo);
  const { code, wasClean, sentCode } = results[0]!;
  assert.equal(wasClean, code !== 1006 && sentCode !== undefined);
  assert.equal(connection.bufferedBytes, 0);
  assert.equal(connection.send('late'), false);
}

/**
 * Does random actions to connections on a virtual clock: valid, invalid and cut frames, EOFs, resets, stalls, calls, waiting.
 * Then the peers fall silent. Invariants:
 * - Every connection ends, and exactly one `close` event is its last event.
 * - States change only as the table of states allows.
 * - Nothing throws, and no ERR_HANDLER is reported.
 * - Nothing is left, not even a timer.
 * @throws Error that names seed and iteration.
 */
export async function fuzzConnections(seed: number, iterations: number): Promise<void> {
  const random = prng(seed);
  // One pass is a server with three connections.
  for (let iteration = 0; iteration < iterations / 100; iteration++) {
    try {
      await life(random);
    } catch (error) {
      throw new Error(`seed ${seed}, iteration ${iteration}`, { cause: error });
    }
  }
}

async function life(random: Prng): Promise<void> {
  const clock = new VirtualClock();
  const chosen = options(random);
  const server = new WebSocketServer({ clock, ...chosen });
  const takesKeys = chosen.onOverflow === 'conflate';
  const errors: unknown[] = [];
  let closes = 0;
  server.on('error', (error) => void errors.push(error));
  server.on('close', () => void closes++);
  const lives: Life[] = [];
  for (let i = 0; i < 3; i++) lives.push(await begin(server, takesKeys));
  for (let step = random.int(60); step > 0; step--) {
    happen(random, random.pick(lives));
    if (random.bool(0.3)) await eventLoopTurns(random.int(4));
    if (random.bool(0.1)) clock.advance(random.pick([1, 60, 1_000, 20_000]));
  }
  for (const { connection, raw } of lives) {
    // Without a heartbeat, a silent but reachable peer stays connected by design.
    connection.resume();
    raw.send(text('begun', { fin: false }));
  }
  for (let passed = 0; passed < LONG_ENOUGH_MS && server.connections.size > 0; passed += STEP_MS) {
    clock.advance(STEP_MS);
    await eventLoopTurns(3);
  }
  for (const { raw } of lives) raw[Symbol.dispose]();
  await eventLoopTurns(4);
  for (const each of lives) checkEnd(each);
  assert.equal(closes, lives.length);
  assert.deepEqual(errors, []);
  await server.shutdown();
  const { connections, handshakes, bytes } = server.stats();
  assert.deepEqual([connections.now, handshakes.pending, bytes.buffered, clock.pendingTimers], [0, 0, 0, 0]);
}
