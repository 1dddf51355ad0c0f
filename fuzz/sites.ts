import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { selfSigned } from '../src/testing/self-signed.ts';
import {
  connect,
  type Connection,
  type ConnectOptions,
  type ServerOptions,
  WebSocketServer,
} from '../src/index.ts';
import { pair } from '../src/testing/index.ts';
import type { Prng } from './prng.ts';

/** How connections reach a server: the kind of listener and the transport. */
export const WAYS = [
  'memory',
  'handle',
  'stream',
  'TLS',
  'TLS stream',
  'attached',
  'attached stream',
  'attached TLS',
] as const;
export type Way = (typeof WAYS)[number];

/** A server with its transport, and how to connect to it. */
export interface Site {
  readonly way: Way;
  readonly server: WebSocketServer<number>;
  /** @param member Sent to the `upgrade` hook as the last segment of the path. */
  connect(member: number, options: ConnectOptions): Promise<Connection>;
  /** Call it after the connections have ended. */
  close(): Promise<void>;
}

let certificate: ReturnType<typeof selfSigned> | undefined;

/** Starts a server that clients reach by `way`. */
export async function openSite(way: Way, random: Prng, options: ServerOptions<number>): Promise<Site> {
  const isSecure = way.includes('TLS');
  if (isSecure) certificate ??= selfSigned(['127.0.0.1'], Date.now());
  const isAttached = way.startsWith('attached');
  const server = new WebSocketServer<number>({
    ...options,
    transport: way.endsWith('stream') ? 'stream' : 'auto',
    ...(isSecure && !isAttached ? { tls: certificate! } : {}),
  });
  if (way === 'memory') {
    return {
      way,
      server,
      connect: async (member, client) => {
        const highWaterMarkBytes = random.pick([1_000, 16_384, 300_000]);
        const joined = await pair<number>({
          server,
          client,
          path: `/${member}`,
          wire: { highWaterMarkBytes },
        });
        return joined.client;
      },
      close: async () => void (await server.shutdown()),
    };
  }
  const http = !isAttached ? undefined : isSecure ? createHttpsServer(certificate!) : createServer();
  if (http === undefined) await server.listen(0, '127.0.0.1');
  else {
    server.attach(http);
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  }
  const { port } = (http ?? server).address() as AddressInfo;
  const tls = isSecure ? { tls: { ca: certificate!.cert } } : {};
  return {
    way,
    server,
    connect: (member, client) =>
      connect(`${isSecure ? 'wss' : 'ws'}://127.0.0.1:${port}/${member}`, { ...client, ...tls }),
    close: async () => {
      await server.shutdown();
      if (http === undefined) return;
      http.closeAllConnections();
      await new Promise((resolve) => void http.close(resolve));
    },
  };
}
