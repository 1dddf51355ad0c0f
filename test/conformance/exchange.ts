import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { after, before, test } from 'node:test';
import { OPCODE } from '../../src/protocol/constants.ts';
import { type CloseInfo, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { duplexPair, EXAMPLE_KEY, RawClient, readFrames } from '../../src/testing/index.ts';
import { SERVER_MUSTS } from './musts.ts';
import { TRANSPORT } from '../server/transport.ts';

const proved = new Set<string>();

/** Defines the test of one demand; the title names the section. */
export function must(id: string, special: string, run: () => Promise<void>): void {
  proved.add(id);
  const [section] = id.split('-', 1);
  const title = `RFC 6455 §${section} (${id}): ${SERVER_MUSTS[id]?.says}${special === '' ? '' : `: ${special}`}`;
  test(title, run);
}
export const provedMusts = (): ReadonlySet<string> => proved;

export const LIMIT = 100_000;
const OPTIONS: ServerOptions = {
  protocols: ['v2', 'v1'],
  path: '/',
  maxMessageBytes: LIMIT,
  closeTimeoutMs: 500,
};
const server = new WebSocketServer({ ...TRANSPORT, ...OPTIONS });
/** What the application saw of the last connection. */
export const seen: { messages: (string | Buffer)[]; close: Promise<CloseInfo> | undefined } = {
  messages: [],
  close: undefined,
};
server.on('connection', (connection) => {
  seen.messages = [];
  seen.close = connection.closed;
});
server.on('message', (connection, message) => {
  seen.messages.push(message);
  if (typeof message === 'string' && message.startsWith('close ')) {
    connection.close(Number(message.slice(6)), 'as told');
    connection.send('never sent');
  } else connection.send(message);
});
let port = 0;
before(async () => {
  ({ port } = await server.listen(0, '127.0.0.1'));
});
after(() => server.shutdown({ timeoutMs: 1_000 }));

/** Opens a TCP connection without sending anything. */
export const connect = (): Promise<RawClient> => RawClient.connect({ port });

const OPCODE_NAMES: Readonly<Record<number, string>> = {
  [OPCODE.TEXT]: 'text',
  [OPCODE.BINARY]: 'binary',
  [OPCODE.CLOSE]: 'close',
  [OPCODE.PING]: 'ping',
  [OPCODE.PONG]: 'pong',
  [OPCODE.CONTINUATION]: 'continuation',
};

/** Frames as lines: type, then payload; a Close with its code only. */
export function lines(bytes: Buffer): string[] {
  return readFrames(bytes).map(({ opcode, payload, mask, fin, rsv1, rsv2, rsv3 }) => {
    assert.deepEqual([mask, fin, rsv1, rsv2, rsv3], [false, true, false, false, false]);
    const name = OPCODE_NAMES[opcode] ?? `opcode ${opcode}`;
    if (opcode === OPCODE.CLOSE) return payload.length === 0 ? name : `${name} ${payload.readUInt16BE()}`;
    return payload.length > 64
      ? `${name} of ${payload.length}`
      : `${name} ${payload.toString('latin1')}`.trimEnd();
  });
}

async function overTcp(bytes: Buffer): Promise<string[]> {
  const client = await connect();
  try {
    assert.equal((await client.upgrade()).status, 101);
    client.send(bytes);
    const received = await client.receivedUntilEnd();
    client.end();
    await client.waitForClose();
    return lines(received);
  } finally {
    client[Symbol.dispose]();
  }
}

/** Runs in memory, with the client's bytes cut into pieces. */
async function inPieces(pieces: readonly Buffer[]): Promise<string[]> {
  const { client, server: socket } = duplexPair();
  const fields = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': EXAMPLE_KEY,
    'Sec-WebSocket-Version': '13',
  };
  const request = {
    method: 'GET',
    url: '/',
    httpVersion: '1.1',
    rawHeaders: Object.entries(fields).flat(),
  } as unknown as IncomingMessage;
  const raw = RawClient.over(client);
  try {
    assert.ok(await server.handleUpgrade(request, socket, Buffer.alloc(0)));
    assert.equal((await raw.nextHead()).status, 101);
    for (const piece of pieces) {
      raw.send(piece);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    const received = await raw.receivedUntilEnd();
    raw.end();
    await raw.waitForClose();
    return lines(received);
  } finally {
    raw[Symbol.dispose]();
  }
}

/**
 * Sends bytes after a handshake and compares everything up to the end of TCP: over a socket, byte by byte, and, for few
 * bytes, at every cut.
 */
export async function answers(bytes: Buffer, expected: readonly string[]): Promise<void> {
  assert.deepEqual(await overTcp(bytes), expected);
  if (bytes.length > 300) return;
  assert.deepEqual(await inPieces(Array.from(bytes, (byte) => Buffer.of(byte))), expected, 'byte by byte');
  for (let at = 1; at < Math.min(bytes.length, 40); at++) {
    const pieces = [bytes.subarray(0, at), bytes.subarray(at)];
    assert.deepEqual(await inPieces(pieces), expected, `cut at ${at}`);
  }
}

/**
 * A request with fields replaced, added, or left out (`undefined`).
 * @returns Status and fields of the response.
 */
export async function handshake(
  headers: Readonly<Record<string, string | readonly string[] | undefined>> = {},
  path = '/',
): Promise<{ readonly status: number; readonly fields: ReadonlyMap<string, string>; readonly raw: string }> {
  const client = await connect();
  try {
    return await client.upgrade({ headers, path });
  } finally {
    client[Symbol.dispose]();
  }
}
