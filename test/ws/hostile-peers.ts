import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { type TestContext } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { defaultEngine } from '../../src/engine/engine.ts';
import { SocketChecks } from '../../src/sockets/handle-check.ts';
import { RawClient, selfSigned, waitUntil } from '../../src/testing/index.ts';
import { type Client, hawser } from './both.ts';

const CERTIFICATE = selfSigned(['127.0.0.1']);
const EXTENSION = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };

/** One way to meet hostile bytes. */
export interface Way {
  readonly role: 'server' | 'client';
  readonly isSecure: boolean;
}
export const WAYS: readonly Way[] = [
  { role: 'server', isSecure: false },
  { role: 'server', isSecure: true },
  { role: 'client', isSecure: false },
  { role: 'client', isSecure: true },
];
export const named = ({ role, isSecure }: Way): string => `${role}, ${isSecure ? 'TLS' : 'TCP'}`;

/** A connection of `hawser/ws`, without an `error` listener, and its peer, which sends any bytes. */
export interface Joined {
  readonly raw: RawClient;
  readonly socket: Client;
  /** What the connection has received and sent back. */
  readonly messages: readonly string[];
}

function observed(raw: RawClient, socket: Client): Joined {
  const messages: string[] = [];
  socket.on('message', (data) => {
    messages.push((data as Buffer).toString('latin1'));
    socket.send(data, { compress: false });
  });
  raw.stream.on('error', () => undefined);
  return { raw, socket, messages };
}

/** Returns a function that opens connections in one role. */
export async function opener(
  t: TestContext,
  { role, isSecure }: Way,
  options: object = {},
): Promise<() => Promise<Joined>> {
  const checks = defaultEngine.part(SocketChecks);
  void checks.prepareSockets(isSecure);
  await waitUntil(() => checks.areSocketsUsable(isSecure));
  const settings = { perMessageDeflate: true, closeTimeout: 500, ...options };
  const headers = settings.perMessageDeflate ? EXTENSION : {};
  const opened = new Set<RawClient>();
  t.after(() => opened.forEach((raw) => raw.stream.destroy()));
  if (role === 'server') {
    const http = isSecure ? createHttpsServer({ ...CERTIFICATE }) : createServer();
    const server = new hawser.WebSocketServer({ server: http, ...settings });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    t.after(() => http.close());
    const { port } = http.address() as AddressInfo;
    return async () => {
      const joined = once(server, 'connection') as Promise<[Client]>;
      const stream = isSecure
        ? connectTls({ port, host: '127.0.0.1', ca: CERTIFICATE.cert })
        : connect(port, '127.0.0.1');
      await once(stream, isSecure ? 'secureConnect' : 'connect');
      const raw = RawClient.over(stream);
      opened.add(raw);
      assert.equal((await raw.upgrade({ headers })).status, 101);
      const [socket] = await joined;
      return observed(raw, socket);
    };
  }
  const listener = isSecure ? createTlsServer({ ...CERTIFICATE }) : createTcpServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  return async () => {
    const arrived = once(listener, isSecure ? 'secureConnection' : 'connection');
    const url = `${isSecure ? 'wss' : 'ws'}://127.0.0.1:${port}`;
    const socket = new hawser(url, { ca: CERTIFICATE.cert, ...settings });
    const [stream] = (await arrived) as [ReturnType<typeof connect>];
    const raw = RawClient.over(stream);
    opened.add(raw);
    const request = (await raw.nextUntil('\r\n\r\n')).toString();
    const key = /^sec-websocket-key: (.*)$/im.exec(request)![1]!.trim();
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const fields = {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Accept': accept,
      ...headers,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    raw.send(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
    await once(socket, 'open');
    return observed(raw, socket);
  };
}
