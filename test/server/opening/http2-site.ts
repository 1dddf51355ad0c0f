import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type CloseInfo, type RefusedInfo, type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { RawClient, selfSigned } from '../../../src/testing/index.ts';

export const { key, cert } = selfSigned(['localhost'], Date.now());
const settings = { enableConnectProtocol: true };

export type Web = Http2Server | Http2SecureServer;
export type Answer = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** The servers of Node that can be attached to. */
export const WEBS: Readonly<Record<string, () => Web>> = {
  'plain text': () => createServer({ settings }),
  TLS: () => createSecureServer({ key, cert, settings }),
  'TLS with HTTP/1.1': () => createSecureServer({ key, cert, settings, allowHTTP1: true }),
};

/** One WebSocket on a stream of HTTP/2, as its client sees it. */
export interface Streamed {
  readonly stream: ClientHttp2Stream;
  readonly answer: Answer;
  /** Writes and reads bytes of the stream. */
  readonly raw: RawClient;
}

export interface Http2Site {
  readonly web: Web;
  readonly server: WebSocketServer;
  readonly errors: Error[];
  readonly refusals: RefusedInfo[];
  readonly closes: CloseInfo[];
  /** What the server has of each session. */
  readonly sessions: ServerHttp2Session[];
  readonly port: number;
  /** A session whose SETTINGS of the server have arrived. */
  readonly session: () => Promise<ClientHttp2Session>;
}

/** An HTTP/2 server on a free port with a WebSocket server that is attached to it. When the test is over, nothing is left. */
export async function http2Site(
  t: TestContext,
  web: Web = createServer({ settings }),
  options: ServerOptions = {},
): Promise<Http2Site> {
  const server = new WebSocketServer(options);
  const errors: Error[] = [];
  const refusals: RefusedInfo[] = [];
  const closes: CloseInfo[] = [];
  const sessions: ServerHttp2Session[] = [];
  const clients: ClientHttp2Session[] = [];
  server.on('error', (error) => void errors.push(error));
  server.on('refused', (info) => void refusals.push(info));
  server.on('close', (_, info) => void closes.push(info));
  server.attach(web);
  (web as Http2Server).on('session', (session) => void sessions.push(session));
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  const { port } = web.address() as AddressInfo;
  t.after(async () => {
    for (const client of clients) client.destroy();
    await server.shutdown();
    for (const session of sessions) session.destroy();
    web.close();
    assert.equal(server.stats().handshakes.pending, 0);
    assert.deepEqual(errors, []);
  });
  const scheme = 'setSecureContext' in web ? 'https' : 'http';
  return {
    web,
    server,
    errors,
    refusals,
    closes,
    sessions,
    port,
    session: async () => {
      const client = connect(`${scheme}://localhost:${port}`, {
        ca: cert,
        // Node's client looks localhost up, and may find ::1 first.
        lookup: (_host, lookupOptions, found) =>
          lookupOptions.all === true
            ? (found as unknown as (e: null, list: object[]) => void)(null, [
                { address: '127.0.0.1', family: 4 },
              ])
            : found(null, '127.0.0.1', 4),
      });
      client.on('error', () => {});
      clients.push(client);
      await once(client, 'remoteSettings');
      return client;
    },
  };
}

/** The fields of an extended CONNECT. `undefined` removes one. */
export const connectFields = (fields: OutgoingHttpHeaders = {}): OutgoingHttpHeaders => {
  const all: OutgoingHttpHeaders = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/',
    'sec-websocket-version': '13',
    ...fields,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
};

/** Sends an extended CONNECT. @returns The stream and the answer, refused or not. */
export async function ask(session: ClientHttp2Session, fields: OutgoingHttpHeaders = {}): Promise<Streamed> {
  const stream = session.request(connectFields(fields), { endStream: false });
  const raw = RawClient.over(stream);
  const [answer] = (await once(stream, 'response')) as [Answer];
  return { stream, answer, raw };
}

/** Opens a WebSocket. */
export async function open(session: ClientHttp2Session, fields: OutgoingHttpHeaders = {}): Promise<Streamed> {
  const streamed = await ask(session, fields);
  assert.equal(streamed.answer[':status'], 200);
  return streamed;
}
