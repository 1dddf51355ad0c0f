import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { ConnectError, ConnectOptions } from '../../src/client/index.ts';
import { ConnectTurns } from '../../src/client/turns.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { acceptValue } from '../../src/protocol/handshake/accept-key.ts';
import { leakCheck } from '../../src/testing/index.ts';
import { connect } from './dialling.ts';

/** A server that sends scripted responses, valid or not. */
export interface ScriptedServer {
  readonly port: number;
  readonly url: string;
  /** Accepted sockets, in order. */
  readonly sockets: readonly Socket[];
  /** Request heads, in order. */
  readonly requests: readonly string[];
}

/**
 * Listens on a free port of this machine.
 * @param answer Called with each request head; writes the response.
 * @param tls Options of TLS; plain TCP without them.
 */
export async function scriptedServer(
  t: TestContext,
  answer: (socket: Socket, request: string) => void,
  tls?: TlsOptions,
): Promise<ScriptedServer> {
  atEnd(t, () => undefined);
  const sockets: Socket[] = [];
  const requests: string[] = [];
  const accepted = (socket: Socket): void => {
    sockets.push(socket);
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      const isBehind = text.includes('\r\n\r\n');
      text += chunk.toString('latin1');
      if (isBehind || !text.includes('\r\n\r\n')) return;
      requests.push(text);
      answer(socket, text);
    });
  };
  const server: Server = tls === undefined ? createServer(accepted) : createTlsServer(tls, accepted);
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  atEnd(t, async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}/`, sockets, requests };
}

/** A valid 101 for `request`, with additional fields. */
export function accepting(request: string, fields = ''): string {
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? '';
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptValue(key)}\r\n${fields}\r\n`;
}

/** The error with which `connect` rejects. */
export async function failure(url: string | URL, options?: ConnectOptions): Promise<ConnectError> {
  try {
    const connection = await connect(url, options);
    connection.terminate();
  } catch (error) {
    return error as ConnectError;
  }
  return assert.fail('it connected');
}

const endings = new WeakMap<TestContext, (() => unknown)[]>();

/**
 * Runs `cleanUp` after the test, the last one first. Then checks that no socket, timer or queued connect is left.
 */
export function atEnd(t: TestContext, cleanUp: () => unknown): void {
  let stack = endings.get(t);
  if (stack === undefined) {
    const leaks = leakCheck();
    const all: (() => unknown)[] = [];
    stack = all;
    endings.set(t, all);
    t.after(async () => {
      for (const each of all.reverse()) await each();
      await leaks.assertNothingLeft({ withinMs: 5_000 });
      assert.equal(defaultEngine.part(ConnectTurns).size, 0);
    });
  }
  stack.push(cleanUp);
}
