import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketServer } from '../../src/index.ts';
import { close, frame, RawClient } from '../../src/testing/index.ts';
import { escaped } from '../../src/connection/log.ts';

type Line = readonly [level: string, text: string, fields: Readonly<Record<string, unknown>>];

async function logged(use: (port: number) => Promise<void>): Promise<Line[]> {
  const lines: Line[] = [];
  const level =
    (name: string) =>
    (fields: object, text: string): void => {
      lines.push([name, text, { ...fields }]);
    };
  const logger = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
  const server = new WebSocketServer({ logger });
  server.on('message', () => {
    throw new Error('of the application');
  });
  server.on('error', () => {});
  const { port } = await server.listen(0, '127.0.0.1');
  try {
    await use(port);
  } finally {
    await server.shutdown({ timeoutMs: 1_000 });
  }
  return lines.filter(([, text]) => text !== 'listening' && text !== 'server closed');
}

async function exchange(port: number, bytes: Buffer): Promise<void> {
  const client = await RawClient.connect({ port });
  await client.upgrade();
  client.send(bytes);
  await client.nextFrame();
  client.send(close(1000));
  await client.receivedUntilEnd();
  client.end();
  await client.waitForClose();
}

test('§7.1.7: a protocol violation is logged in one line, with rule, codes and address, and without payload', async () => {
  const lines = await logged((port) => exchange(port, frame({ opcode: 3, payload: 'secret' })));
  assert.equal(lines.length, 1);
  const [level, text, fields] = lines[0]!;
  assert.deepEqual([level, text], ['warn', 'connection closed']);
  assert.deepEqual(
    [fields.cause, fields.error, fields.sentCode, fields.remoteAddress, fields.wasClean],
    ['protocol-error', 'ERR_OPCODE', 1002, '127.0.0.1', false],
  );
  assert.ok(!JSON.stringify(fields).includes('secret'));
});

test('LG-01: an ordinary end is logged as debug, a fault of the server as error', async () => {
  const lines = await logged(async (port) => {
    await exchange(port, frame({ opcode: 8, payload: Buffer.of(0x03, 0xe8) }));
    await exchange(port, frame({ opcode: 1, payload: 'x' }));
  });
  assert.deepEqual(
    lines.map(([level, text, { cause }]) => [level, text, cause]),
    [
      ['debug', 'connection closed', 'peer-close'],
      ['error', 'handler failed', undefined],
      ['error', 'connection closed', 'handler-error'],
    ],
  );
});

test('HS-27: each refusal is one line at its level, with the path and without the query', async () => {
  const refusals = [
    [{ Origin: 'https://evil.example' }, 'warn', 'ERR_ORIGIN'],
    [{ 'Sec-WebSocket-Version': '8' }, 'warn', 'ERR_VERSION'],
    [{ 'Sec-WebSocket-Key': 'short' }, 'warn', 'ERR_KEY'],
    [{ Connection: 'close' }, 'info', 'ERR_CONNECTION_FIELD'],
  ] as const;
  const lines = await logged(async (port) => {
    for (const [headers] of refusals) {
      const client = await RawClient.connect({ port });
      await client.upgrade({ headers, path: '/chat?token=secret' });
      client.end();
      await client.waitForClose();
    }
  });
  assert.deepEqual(
    lines.map(([level, text, { code, path }]) => [level, text, code, path]),
    refusals.map(([, level, code]) => [level, 'handshake refused', code, '/chat']),
  );
});

test('HS-27: text of a client is escaped and cut, so that it cannot begin a line or control a terminal', () => {
  assert.equal(escaped('a\r\nb\u001b[31m\u2028\u{e0001}é'), 'a\\u{d}\\u{a}b\\u{1b}[31m\\u{2028}\\u{e0001}é');
  assert.equal(escaped('x'.repeat(129)), `${'x'.repeat(128)}…`);
  assert.equal(escaped('x'.repeat(128)), 'x'.repeat(128));
});

test('LG-01 GN-07: a logger that throws does not affect the caller', async () => {
  const fails = (): never => {
    throw new Error('disk full');
  };
  const server = new WebSocketServer({ logger: { debug: fails, info: fails, warn: fails, error: fails } });
  const { port } = await server.listen(0, '127.0.0.1');
  await exchange(port, frame({ opcode: 3 }));
  await server.shutdown({ timeoutMs: 1_000 });
});
