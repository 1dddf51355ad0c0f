import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import hawser from '../../src/ws/index.ts';
import { ws } from '../interop/peers.ts';
import { waitUntil } from '../../src/testing/index.ts';

export type Door = typeof hawser;
export type Server = InstanceType<Door['WebSocketServer']>;
export type Client = InstanceType<Door>;

/** The real package; its tests skip without it. */
export const { skip } = ws;
export const real = (skip === false
  ? createRequire(join(import.meta.dirname, '..', '..', '..', 'test', 'interop', 'package.json'))('ws')
  : undefined) as unknown as Door;
export { hawser };

/** Which implementation is on which side. */
export const PAIRS = [
  { what: 'the server', server: () => hawser, client: () => real },
  { what: 'the client', server: () => real, client: () => hawser },
  { what: 'both sides', server: () => hawser, client: () => hawser },
] as const;

/** Values as a log shows them. */
export function shown(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `Buffer ${value.toString('latin1')}`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${Buffer.from(value).toString('latin1')}`;
  if (Array.isArray(value)) return value.map(shown);
  if (value instanceof Error) {
    const { code } = value as { code?: string };
    return `${value.constructor.name} ${code ?? ''}: ${value.message}`;
  }
  return value;
}

/** One open connection of two sides, and what each side has seen. */
export interface Pair {
  readonly server: Server;
  readonly client: Client;
  readonly peer: Client;
  readonly url: string;
  /** What the server side has seen. */
  readonly serverLog: unknown[][];
  readonly clientLog: unknown[][];
  /** Waits until both sides have closed. */
  readonly closed: () => Promise<unknown>;
}

export const EVENTS = ['open', 'message', 'ping', 'pong', 'close', 'error'] as const;

/** Logs all events of a WebSocket with its state. */
export function logEvents(socket: Client, log: unknown[][], events: readonly string[] = EVENTS): void {
  for (const name of events)
    socket.on(name, (...args: unknown[]) => void log.push([name, socket.readyState, ...args.map(shown)]));
}

/** Opens a server on a free port. */
export async function listening(door: Door, options: object = {}): Promise<{ server: Server; url: string }> {
  const server = new door.WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await new Promise<void>((resolve) => void server.once('listening', resolve));
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Connects a client of one implementation to a server of another, and runs `script` once both are open. */
export async function run(
  sides: { readonly server: Door; readonly client: Door },
  script: (pair: Pair) => unknown,
  options: { readonly server?: object; readonly client?: object } = {},
): Promise<{ readonly server: unknown[][]; readonly client: unknown[][] }> {
  const serverLog: unknown[][] = [];
  const clientLog: unknown[][] = [];
  const { server, url } = await listening(sides.server, options.server);
  let client: Client | undefined;
  try {
    const connected = new Promise<Client>((resolve) => {
      server.on('connection', (socket) => {
        logEvents(socket, serverLog);
        resolve(socket);
      });
    });
    client = new sides.client(url, [], { perMessageDeflate: false, ...options.client });
    logEvents(client, clientLog);
    const peer = await connected;
    await waitUntil(() => client!.readyState === 1);
    const closed = () => waitUntil(() => client!.readyState === 3 && peer.readyState === 3);
    await script({ server, client, peer, url, serverLog, clientLog, closed });
    await closed();
  } finally {
    client?.terminate();
    for (const socket of server.clients) socket.terminate();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
  return { server: serverLog, client: clientLog };
}
