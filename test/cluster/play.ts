import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Connection, WebSocketServer } from '../../src/index.ts';
import { binary, RawClient, text } from '../../src/testing/index.ts';
import {
  Bindings,
  type Frame,
  SCHEMA_SKIP,
  serverFrameFault,
  type Step,
  stepsOf,
  type Vector,
} from './vectors.ts';

const CLOSE = 8;

/** A client of a conversation. */
interface Player {
  readonly raw: RawClient;
  readonly connection: Connection;
  /** The `hello`, until a step or the first other frame takes it. */
  hello: Frame | undefined;
}

const matches = (patterns: readonly string[], topic: string): boolean =>
  patterns.some((match) => (match.endsWith('*') ? topic.startsWith(match.slice(0, -1)) : topic === match));

/** The server of a vector, listening on a free port. */
async function serverOf(
  { server: rules }: Vector,
  t: TestContext,
): Promise<{ server: WebSocketServer; port: number }> {
  const { allow = [], history = [], presence = [], members = false, handlers = [] } = rules;
  const server = new WebSocketServer({
    protocols: ['hawser.v1'],
    history,
    presence,
    authorizeSubscribe: (_, topic) => matches(allow, topic) && (members ? { presence: {} } : true),
    authorizePublish: (_, topic) => matches(allow, topic),
  });
  if (handlers.includes('echo')) server.handle('echo', (_, data) => data);
  if (handlers.includes('fail')) {
    server.handle('fail', () => {
      throw new Error('a secret of the server');
    });
    // Without a listener the failure of a handler would be unhandled.
    server.on('error', () => undefined);
  }
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  t.after(() => server.shutdown({ timeoutMs: 1 }));
  return { server, port };
}

/** Plays a conversation over sockets. @throws AssertionError at the first frame that differs. */
export async function play(vector: Vector, t: TestContext): Promise<void> {
  const { server, port } = await serverOf(vector, t);
  const players = new Map<string, Player>();
  const bindings = new Bindings();
  let asked: Promise<unknown> | undefined;

  const join = async (): Promise<Player> => {
    const connected = new Promise<Connection>((resolve) => void server.once('connection', resolve));
    const raw = await RawClient.connect({ port });
    t.after(() => raw[Symbol.dispose]());
    assert.equal((await raw.upgrade({ protocols: ['hawser.v1'] })).status, 101);
    return { raw, connection: await connected, hello: await nextFrame(raw) };
  };
  const player = async (name: string): Promise<Player> => {
    const known = players.get(name) ?? (await join());
    players.set(name, known);
    return known;
  };

  const take = async (step: Step): Promise<void> => {
    if ('repeat' in step) throw new Error('repeat is written out');
    if ('client' in step && !('server' in step)) {
      const { raw, connection, hello } = await player(step.client);
      if ('sends' in step) raw.send(text(JSON.stringify(bindings.fill(step.sends))));
      else if ('sendsText' in step) raw.send(text(step.sendsText));
      else if ('sendsBinary' in step) raw.send(binary(Buffer.from(step.sendsBinary, 'hex')));
      else if ('leaves' in step) {
        raw[Symbol.dispose]();
        await connection.closed;
      } else if ('getsClose' in step) {
        const { opcode, payload } = await raw.nextFrame();
        assert.deepEqual([opcode, payload.readUInt16BE()], [CLOSE, step.getsClose]);
      } else {
        const isHello = step.gets['op'] === 'hello';
        const frame = isHello ? (hello ?? assert.fail('hello comes once')) : await nextFrame(raw);
        if (isHello) players.get(step.client)!.hello = undefined;
        assert.deepEqual(frame, bindings.expected(step.gets, frame));
      }
    } else if (step.server === 'publish') {
      server.publish(step.topic, step.data ?? Buffer.from(step.data64!, 'base64'));
    } else if (step.server === 'subscribe') {
      (await player(step.client)).connection.subscribe(step.topic);
    } else if (step.server === 'unsubscribe') {
      (await player(step.client)).connection.unsubscribe(step.topic);
    } else if (step.server === 'request') {
      asked = (await player(step.client)).connection.request(step.name, step.data);
      asked.catch(() => undefined);
    } else if (step.server === 'replied') assert.deepEqual(await asked, step.data);
    else await assert.rejects(asked!, { code: step.code });
  };

  for (const [at, step] of stepsOf(vector.steps).entries()) {
    try {
      await take(step);
    } catch (error) {
      throw new Error(`step ${at + 1}, ${JSON.stringify(step)}`, { cause: error });
    }
  }
}

async function nextFrame(raw: RawClient): Promise<Frame> {
  const { opcode, payload } = await raw.nextFrame();
  assert.equal(opcode, 1, `a text frame, not opcode ${opcode}: ${payload.toString()}`);
  const frame = JSON.parse(payload.toString()) as Frame;
  if (SCHEMA_SKIP === false) assert.equal(serverFrameFault(frame), undefined, payload.toString());
  return frame;
}
