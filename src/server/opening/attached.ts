import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Http2SecureServer, Http2Server, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../engine/clock.ts';
import type { ConnectHead } from '../../protocol/handshake/connect-head.ts';

/** A server of Node that a WebSocket server can be attached to: HTTP, HTTPS, or HTTP/2 with and without TLS. */
export type AttachableServer = HttpServer | Http2Server | Http2SecureServer;

/** A WebSocket server, as the HTTP server that it is attached to sees it. */
export interface Attached {
  /** Whether this server serves the path. */
  serves(path: string): boolean;
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Takes an extended CONNECT of HTTP/2. */
  takeStream(stream: ServerHttp2Stream, head: ConnectHead): void;
  readonly settings: { readonly handshakeTimeoutMs: number };
  readonly clock: Clock;
}

/** The server that serves a request target, in origin or absolute form; dot segments are resolved. */
export function memberFor(members: readonly Attached[], target: string): Attached | undefined {
  const url = target.startsWith('/') ? `http://host${target}` : target;
  const path = URL.canParse(url) ? new URL(url).pathname : undefined;
  return members.find((one) => path !== undefined && one.serves(path));
}

export const mostPatient = (members: readonly Attached[]): Attached =>
  members.reduce((one, other) =>
    other.settings.handshakeTimeoutMs > one.settings.handshakeTimeoutMs ? other : one,
  );
