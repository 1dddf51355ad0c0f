import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect } from '../client/connect.ts';
import type { ConnectOptions } from '../options/connect-options.ts';
import type { Connection } from '../connection/connection.ts';
import { HeadParser } from '../protocol/handshake/http-head.ts';
import type { ServerOptions } from '../options/resolve-server-options.ts';
import { WebSocketServer } from '../server/websocket-server.ts';
import { type DuplexPair, type DuplexPairOptions, duplexPair } from './memory-duplex.ts';
import { seededRandom } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';
import { eventLoopTurns } from './wait-for.ts';
import { checkCallOptions, OPTIONS } from './call-check.ts';

/** Turns of the event loop in which a message and its answer arrive in memory. */
const TURNS_A_STEP = 6;

/** Options of {@link pair}. */
export interface PairOptions<ServerData> {
  /**
   * A server of yours, made with the same `clock`: several pairs may share it, and you shut it down. Or the options
   * of a server that the pair makes, and shuts down when the pair is disposed. Default: a server with default
   * options.
   */
  readonly server?: WebSocketServer<ServerData> | ServerOptions<ServerData>;
  /** Options of the client. */
  readonly client?: ConnectOptions;
  /** Path and query of the request. Default `/`. */
  readonly path?: string;
  /** The clock of both sides. Default: a new clock. */
  readonly clock?: VirtualClock;
  /** Seed for the randomness of both sides, a whole number. The same seed gives the same keys, ids and delays. Default 1. */
  readonly seed?: number;
  /** Options of the connection in memory. */
  readonly wire?: DuplexPairOptions;
}

/** Two ends of one connection, without a network. */
export interface Pair<ServerData, ClientData> extends AsyncDisposable {
  readonly server: Connection<ServerData>;
  readonly client: Connection<ClientData>;
  readonly webSocketServer: WebSocketServer<ServerData>;
  readonly clock: VirtualClock;
  /** Faults: `wire.toClient.cutInto(1)`, `wire.toServer.lose()`, `wire.reset()`, and so on. */
  readonly wire: DuplexPair;
  /**
   * Advances the clock in steps, and lets messages arrive after each step.
   * @param ms Total time, in ms.
   * @param stepMs Maximum length of a step, in ms. Default 50.
   */
  readonly pass: (ms: number, stepMs?: number) => Promise<void>;
}

/**
 * Joins a real server and a real client in memory, with a complete handshake, on one virtual clock. Only the network,
 * the time and the randomness are simulated.
 * @typeParam ServerData Type of the `data` that the `upgrade` hook of the server returns.
 * @throws ConnectError As a rejection, if the server refuses the handshake.
 */
export async function pair<ServerData = unknown, ClientData = unknown>(
  options: PairOptions<ServerData> = {},
): Promise<Pair<ServerData, ClientData>> {
  checkCallOptions('pair', options, OPTIONS.pair);
  const { clock = new VirtualClock(), seed = 1, path = '/' } = options;
  const given = options.server;
  const isTheirs = given instanceof WebSocketServer;
  const webSocketServer = isTheirs
    ? given
    : new WebSocketServer<ServerData>({ clock, random: seededRandom(seed + 1), ...given });
  const wire = duplexPair(options.wire);
  const client = connect<ClientData>(new URL(path, 'ws://localhost'), {
    clock,
    random: seededRandom(seed),
    ...options.client,
    socket: wire.client,
  });
  const [server, connected] = await Promise.all([accept(webSocketServer, wire.server), client]).catch(
    async (error: unknown) => {
      wire.client.destroy();
      if (!isTheirs) await webSocketServer.shutdown();
      throw error;
    },
  );
  return {
    server: server!,
    client: connected,
    webSocketServer,
    clock,
    wire,
    pass: async (ms, stepMs = 50) => {
      for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
        clock.advance(Math.min(leftMs, stepMs));
        await eventLoopTurns(TURNS_A_STEP);
      }
    },
    async [Symbol.asyncDispose]() {
      connected.terminate();
      server!.terminate();
      await Promise.all([connected.closed, server!.closed]);
      if (!isTheirs) await webSocketServer.shutdown();
    },
  };
}

/** Reads the request head, as an HTTP server does, and passes the socket and the rest of the bytes to `handleUpgrade`. */
function accept<ServerData>(
  server: WebSocketServer<ServerData>,
  stream: Duplex,
): Promise<Connection<ServerData> | undefined> {
  const parser = new HeadParser({ maxHeadBytes: 65_536, maxHeaderFields: 1_000 });
  return new Promise((resolve, reject) => {
    const received = (chunk: Buffer): void => {
      const head = parser.receive(chunk);
      if (head === undefined) return;
      stream.off('data', received).off('close', gone);
      stream.pause();
      const { method, target, httpVersion, fields } = head;
      const rawHeaders = [...fields].flat();
      const request = { method, url: target, httpVersion, rawHeaders } as unknown as IncomingMessage;
      server.handleUpgrade(request, stream, parser.takeRest()).then(resolve, reject);
    };
    // The promise of `connect` rejects with the reason.
    const gone = (): void => resolve(undefined);
    stream.on('data', received).on('close', gone);
    stream.on('error', () => undefined);
  });
}
