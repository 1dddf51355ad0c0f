import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { close, frame, RawClient, type RawUpgradeOptions, text, waitUntil } from '../../src/testing/index.ts';
import { type Served, served } from './fake-io.ts';

async function start(t: TestContext, ...flags: string[]): Promise<Served> {
  const server = await served(...flags);
  t.after(() => server.stop());
  return server;
}

async function join(t: TestContext, server: Served, options: RawUpgradeOptions = {}): Promise<RawClient> {
  const client = await RawClient.connect({ port: server.port });
  t.after(() => client[Symbol.dispose]());
  assert.equal((await client.upgrade(options)).status, 101);
  return client;
}

/** The log lines, without what differs from run to run. */
function lines({ io }: Served): Record<string, unknown>[] {
  return io.errLines.map((line) => {
    const { time, connectionId, durationMs, remotePort, ...rest } = JSON.parse(line) as Record<
      string,
      unknown
    >;
    assert.equal(typeof time, 'string');
    void [durationMs, remotePort];
    return { ...rest, ...(connectionId === undefined ? {} : { hasId: typeof connectionId === 'string' }) };
  });
}

const HERE = { hasId: true, remoteAddress: '127.0.0.1' };

test('CM-04 LG-02: --verbose logs who connects, and one line with the reason when the client leaves', async (t) => {
  const server = await start(t, '--verbose', '--protocol', 'v1');
  const client = await join(t, server, { path: '/?token=secret', protocols: ['v1'] });
  client.send(Buffer.concat([text('hi'), close(4000, 'done\u001b[2J\n')]));
  await client.waitForClose();
  const faulty = await join(t, server);
  faulty.send(frame({ opcode: 1, rsv3: true }));
  await faulty.nextFrame();
  faulty[Symbol.dispose]();
  await waitUntil(() => server.io.errLines.length === 5);
  assert.deepEqual(lines(server).slice(1), [
    {
      level: 'info',
      text: 'connected',
      ...HERE,
      path: '/',
      protocol: 'v1',
      extensions: '',
      origin: '',
    },
    {
      level: 'info',
      text: 'disconnected',
      ...HERE,
      code: 4000,
      reason: 'done\u001b[2J\n',
      cause: 'peer-close',
      initiator: 'remote',
      sentCode: 4000,
      wasClean: true,
      messagesReceived: 1,
      messagesSent: 1,
    },
    { level: 'info', text: 'connected', ...HERE, path: '/', protocol: '', extensions: '', origin: '' },
    {
      level: 'warn',
      text: 'disconnected',
      ...HERE,
      code: 1006,
      reason: '',
      cause: 'protocol-error',
      initiator: 'local',
      sentCode: 1002,
      wasClean: false,
      messagesReceived: 0,
      messagesSent: 0,
      error: 'ERR_RSV',
      detail: 'a reserved bit is set, but no negotiated extension uses it: first byte 0x91 (RFC 6455 §5.2)',
    },
  ]);
  const printed = server.io.errLines.join('');
  assert.doesNotMatch(printed, /[\p{C}\p{Zl}\p{Zp}]/u);
  assert.doesNotMatch(printed, /secret/);
});

test('CM-04: --verbose logs subscriptions, as the rooms of the chat make them', async (t) => {
  const server = await start(t, '--verbose', '--chat');
  const client = await join(t, server, { protocols: ['hawser.v1'] });
  const ask = async (asked: object): Promise<void> => {
    client.send(text(JSON.stringify(asked)));
    await client.nextFrame();
  };
  await client.nextFrame();
  const anna = JSON.stringify({ name: 'Anna', session: 'a' });
  await ask({ op: 'request', id: 1, name: 'enter', data: anna });
  await ask({ op: 'subscribe', id: 2, topic: 'room:blue' });
  await ask({ op: 'unsubscribe', id: 3, topic: 'room:blue' });
  await ask({ op: 'subscribe', id: 4, topic: 'room:red' });
  await waitUntil(() => server.io.errLines.length === 5);
  assert.deepEqual(
    lines(server)
      .slice(2)
      .map((line) => [line['text'], line['topic'], line['hasId']]),
    [
      ['subscribed', 'room:blue', true],
      ['unsubscribed', 'room:blue', true],
      ['subscribed', 'room:red', true],
    ],
  );
});

test('CM-04: --verbose and --debug together write one line for each end; without --verbose clients are not logged', async (t) => {
  for (const [flags, expected] of [
    [
      ['--verbose', '--debug'],
      ['listening', 'connected', 'disconnected'],
    ],
    [['--debug'], ['listening', 'connection closed']],
    [[], ['listening']],
  ] as const) {
    const server = await start(t, '--json', ...flags);
    const client = await join(t, server);
    client.send(close(1000));
    await client.waitForClose();
    await server.event('close');
    await server.stop();
    const texts = lines(server).map((line) => line['text']);
    assert.deepEqual(texts, [...expected, 'server closed']);
  }
});
