import type { Buffer } from 'node:buffer';
import type {
  Agent,
  ClientRequest,
  ClientRequestArgs,
  IncomingMessage,
  OutgoingHttpHeaders,
  Server,
} from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { createConnection } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { ZlibOptions } from 'node:zlib';
import type { LinkOptions } from './settings-options.ts';

/** Options of permessage-deflate, named as in `ws`. */
export interface PerMessageDeflateOptions {
  /** The server does not keep its compression context between messages. */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** The client does not keep its compression context between messages. */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** Window of the server, 8 to 15 bits. */
  readonly serverMaxWindowBits?: number | undefined;
  /** Window of the client, 8 to 15 bits. */
  readonly clientMaxWindowBits?: number | undefined;
  /** Only `level` (default 3, not 6 as in `ws`) and `memLevel` are used. */
  readonly zlibDeflateOptions?: Omit<ZlibOptions, 'dictionary'> | undefined;
  /** Has no effect. */
  readonly zlibInflateOptions?: ZlibOptions | undefined;
  /** Smaller messages are not compressed unless the context is kept. Default 1,024 bytes. */
  readonly threshold?: number | undefined;
  /** Has no effect: 4 threads. */
  readonly concurrencyLimit?: number | undefined;
}

/** Options that servers and clients share. */
export interface ConnectionOptions extends LinkOptions {
  /** If `false`, one event of a connection per turn of the event loop. Default `true`. */
  readonly allowSynchronousEvents?: boolean | undefined;
  /** Has no effect: chunks are not buffered. */
  readonly maxBufferedChunks?: number | undefined;
  /** Has no effect: UTF-8 is always checked. */
  readonly skipUTF8Validation?: boolean | undefined;
  /** If `true`, an error without an `error` listener is thrown, as with `ws`. Default `false`: it is dropped. */
  readonly throwUnheard?: boolean | undefined;
}

/** Options of a client: those of `http.request` and `tls.connect`, too. */
export interface ClientOptions extends ConnectionOptions, SecureContextOptions {
  readonly protocol?: string | undefined;
  readonly followRedirects?: boolean | undefined;
  /** Fills 4 bytes with the key of the next frame. */
  generateMask?(mask: Buffer): void;
  /** Time until the server must have answered, in ms. Default: none. */
  readonly handshakeTimeout?: number | undefined;
  /** Default 10. */
  readonly maxRedirects?: number | undefined;
  /** Default `true`. */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  readonly localAddress?: string | undefined;
  /** 13, the default, or 8. */
  readonly protocolVersion?: number | undefined;
  readonly headers?: { readonly [name: string]: string } | undefined;
  readonly origin?: string | undefined;
  readonly agent?: Agent | undefined;
  readonly host?: string | undefined;
  readonly family?: number | undefined;
  /** As the option of `tls.connect`. */
  checkServerIdentity?(servername: string, cert: string | string[] | Buffer | Buffer[]): boolean;
  readonly rejectUnauthorized?: boolean | undefined;
  /** Opens the socket, as the option of `http.request`. */
  readonly createConnection?: typeof createConnection | undefined;
  /** Gets the request before it is sent, and ends it. */
  readonly finishRequest?: ((request: ClientRequest, websocket: never) => void) | undefined;
}

/** What a client takes as options: any option of a request of Node. */
export type ClientArguments = ClientOptions | ClientRequestArgs;

/** Decides on a request by its return value. */
export type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = (info: {
  origin: string;
  secure: boolean;
  req: Request;
}) => boolean;

/** Decides on a request by calling back. The status of a refusal is 401 unless `code` says another. */
export type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = (
  info: { origin: string; secure: boolean; req: Request },
  callback: (verified: boolean, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void,
) => void;

/**
 * Options of a server. They are read at each handshake, so `server.options` may be changed between handshakes.
 * @typeParam Socket Class of the connections.
 * @typeParam Request Class of the requests.
 */
export interface ServerOptions<
  Socket = unknown,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends ConnectionOptions {
  host?: string | undefined;
  /** Exactly one of `port`, `server` and `noServer` is given. */
  port?: number | undefined;
  backlog?: number | undefined;
  server?: Server<Request> | TlsServer<Request> | undefined;
  noServer?: boolean | undefined;
  verifyClient?:
    | VerifyClientCallbackAsync<InstanceType<Request>>
    | VerifyClientCallbackSync<InstanceType<Request>>
    | undefined;
  /** Chooses one of the offered subprotocols; `false` for none. */
  handleProtocols?: (protocols: Set<string>, request: InstanceType<Request>) => string | false;
  path?: string | undefined;
  /** Whether `server.clients` holds the connections. Default `true`. */
  clientTracking?: boolean | undefined;
  /** Default `false`. */
  perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  /** Class of the connections: `WebSocket`, or one that extends it. */
  WebSocket?: Socket | undefined;
}

/** The constructor of the package `ws` takes options in the place of protocols. */
export function readArguments(
  protocols: string | string[] | ClientArguments | null | undefined,
  options: ClientArguments | undefined,
): {
  readonly protocols: readonly string[];
  readonly options: ClientOptions & { protocols?: string | string[] };
} {
  const isOptions = typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols);
  const given = {
    ...((isOptions ? protocols : options) as ClientOptions & { protocols?: string | string[] }),
  };
  const named = isOptions || protocols === undefined ? given.protocols : protocols;
  if (named === undefined) return { protocols: [], options: given };
  return { protocols: Array.isArray(named) ? named : [named as string], options: given };
}
