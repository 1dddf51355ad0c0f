import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloseInfo, ConnectOptions } from '../../src/client/index.ts';
import {
  binary,
  close,
  continuation,
  hex,
  ping,
  readFrames,
  text,
  VirtualClock,
  waitUntil,
} from '../../src/testing/index.ts';
import { accepting, scriptedServer, type ScriptedServer } from './live.ts';
import { connect } from './dialling.ts';

const UNMASKED = { mask: false } as const;

/** A server that sends `bytes` after its 101. */
const speaking = (t: Parameters<typeof scriptedServer>[0], bytes: Buffer): Promise<ScriptedServer> =>
  scriptedServer(t, (socket, request) => {
    socket.write(Buffer.concat([Buffer.from(accepting(request), 'latin1'), bytes]));
  });

const ROWS: readonly {
  readonly what: string;
  readonly bytes: Buffer;
  readonly sent: number;
  readonly cause: CloseInfo['cause'];
  readonly error: string;
  readonly options?: ConnectOptions;
  /** Messages delivered before. */
  readonly first?: readonly unknown[];
}[] = [
  {
    what: 'SE-17 FP-05 §5.1 a masked frame',
    bytes: text('x'),
    sent: 1002,
    cause: 'protocol-error',
    error: 'ERR_MASK_UNEXPECTED',
  },
  {
    what: 'FP-11 a masked frame after a valid one',
    bytes: Buffer.concat([text('good', UNMASKED), text('x')]),
    sent: 1002,
    cause: 'protocol-error',
    error: 'ERR_MASK_UNEXPECTED',
    first: ['good'],
  },
  {
    what: 'FP-04 RSV1 without an extension',
    bytes: text('x', { ...UNMASKED, rsv1: true }),
    sent: 1002,
    cause: 'protocol-error',
    error: 'ERR_RSV',
  },
  {
    what: '§8.1 text that is not UTF-8, inside a fragment',
    bytes: text(Buffer.of(0x61, 0xff), { ...UNMASKED, fin: false }),
    sent: 1007,
    cause: 'invalid-utf8',
    error: 'ERR_UTF8',
  },
  {
    what: 'FP-07 a frame of 2 GiB, at its header',
    bytes: hex('82 7f 00 00 00 00 80 00 00 00'),
    sent: 1009,
    cause: 'message-too-big',
    error: 'ERR_MESSAGE_TOO_BIG',
  },
  {
    what: 'FR-05 a message of fragments over the limit',
    bytes: Buffer.concat([
      binary(Buffer.alloc(600), { ...UNMASKED, fin: false }),
      continuation(Buffer.alloc(600), UNMASKED),
    ]),
    sent: 1009,
    cause: 'message-too-big',
    error: 'ERR_MESSAGE_TOO_BIG',
    options: { maxMessageBytes: 1_000 },
  },
  {
    what: 'FR-06 a flood of empty fragments',
    bytes: Buffer.concat([
      text('', { ...UNMASKED, fin: false }),
      ...Array.from({ length: 100 }, () => continuation('', { ...UNMASKED, fin: false })),
    ]),
    sent: 1008,
    cause: 'too-many-fragments',
    error: 'ERR_TOO_MANY_FRAGMENTS',
    options: { maxFragments: 50 },
  },
  {
    what: 'RL-01 a flood of pings',
    bytes: Buffer.concat(Array.from({ length: 100 }, () => ping('', UNMASKED))),
    sent: 1008,
    cause: 'rate-limit',
    error: 'ERR_RATE',
    options: { rateLimit: { messagesPerSecond: 10 } },
  },
  {
    what: 'CL-04 a close code that must not be sent',
    bytes: close(1006, '', UNMASKED),
    sent: 1002,
    cause: 'protocol-error',
    error: 'ERR_CLOSE_CODE',
  },
];
for (const { what, bytes, sent, cause, error, options, first = [] } of ROWS) {
  test(`CC-06 a hostile server: ${what}: one typed error, Close ${sent}, nothing left open`, async (t) => {
    const server = await speaking(t, bytes);
    const client = await connect(server.url, options);
    const seen: unknown[] = [];
    const errors: string[] = [];
    client.on('message', (message) => void seen.push(message));
    client.on('error', ({ code }) => void errors.push(code));
    const answers: Buffer[] = [];
    server.sockets[0]!.on('data', (chunk: Buffer) => void answers.push(chunk));
    server.sockets[0]!.on('end', () => server.sockets[0]!.end());
    const info = await client.closed;
    assert.deepEqual([info.code, info.sentCode, info.cause, info.wasClean], [1006, sent, cause, false]);
    assert.deepEqual([errors, seen], [[error], first]);
    await waitUntil(() => server.sockets[0]!.destroyed);
    const closes = readFrames(Buffer.concat(answers)).filter(({ opcode }) => opcode === 8);
    assert.deepEqual(
      closes.map(({ payload, mask }) => [payload.readUInt16BE(), mask !== false]),
      [[sent, true]],
    );
  });
}

test('CL-06 CL-07 CC-06 closeTimeoutMs ends a connection to a server that never closes TCP, with or without its Close', async (t) => {
  for (const answers of [true, false]) {
    const server = await scriptedServer(t, (socket, request) => {
      socket.write(accepting(request));
      socket.on('data', () => {
        if (answers) socket.write(close(1000, '', UNMASKED));
      });
    });
    const clock = new VirtualClock();
    const client = await connect(server.url, { clock, heartbeat: false });
    const ends: CloseInfo[] = [];
    void client.closed.then((info) => void ends.push(info));
    client.close();
    if (answers) await waitUntil(() => client.bytesReceived > 0);
    clock.advance(4_900);
    assert.deepEqual(ends, []);
    clock.advance(200);
    await waitUntil(() => ends.length === 1);
    assert.deepEqual(
      ends.map(({ cause, wasClean }) => [cause, wasClean]),
      [[answers ? 'local-close' : 'close-timeout', answers]],
    );
    await waitUntil(() => server.sockets[0]!.destroyed);
    assert.equal(clock.pendingTimers, 0);
  }
});
