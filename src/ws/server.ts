import type { EventEmitter } from 'node:events';
import { Buffer } from 'node:buffer';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { defaultEngine } from '../engine/engine.ts';
import { acceptValue } from '../protocol/handshake/accept-key.ts';
import { answerOffers, type NegotiatedDeflate } from './deflate-rules.ts';
import type { ServerOptions, VerifyClientCallbackAsync, VerifyClientCallbackSync } from './options.ts';
import { guard, refuse, type RequestFault, requestFault, unguard } from './server-handshake.ts';
import { deflateSettings } from './settings.ts';
import { LINK_DEFAULTS } from './settings-options.ts';
import { subprotocol } from './subprotocol.ts';
import { nextTick } from './ticks.ts';
import { isInstance, WsEmitter } from './typed-emitter.ts';
import { DRIVER, PREAMBLE, WebSocket } from './websocket.ts';

/** Mark of the class, the same in every copy of this library. */
const BRAND: unique symbol = Symbol.for('hawser.ws.WebSocketServer');
/** Key of the mark of a socket that was upgraded. */
const UPGRADED = Symbol('hawser.ws.upgraded');

type SocketClass = typeof WebSocket;
type RequestClass = typeof IncomingMessage;

/** What a request offered, once it was checked. */
interface Offer {
  readonly key: string;
  readonly protocols: Set<string>;
  readonly extensions: NegotiatedExtensions;
}

/** What the handshake has agreed on, by name. */
interface NegotiatedExtensions {
  'permessage-deflate'?: NegotiatedDeflate;
}

/** Arguments of the events of a {@link WebSocketServer}. */
export interface WebSocketServerEvents<Socket, Request> {
  /** A handshake is complete. */
  connection: [socket: Socket, request: Request];
  /** The header lines of the 101, before they are sent. Listeners may change the array. */
  headers: [headers: string[], request: Request];
  /** A handshake is invalid. With a listener, the application answers or destroys `socket`; without one, the server answers 400 or another status that fits. */
  wsClientError: [error: Error, socket: Duplex, request: Request];
  /** The HTTP server of this server failed, for example because its port is in use. */
  error: [error: Error];
  /** The HTTP server listens. */
  listening: [];
  /** The server has closed. */
  close: [];
}

const DEFAULTS = Object.freeze({
  ...LINK_DEFAULTS,
  allowSynchronousEvents: true,
  maxBufferedChunks: 262_144,
  skipUTF8Validation: false,
  perMessageDeflate: false,
  handleProtocols: null,
  clientTracking: true,
  verifyClient: null,
  noServer: false,
  backlog: null,
  server: null,
  host: null,
  path: null,
  port: null,
});

function answerUpgradeRequired(_request: IncomingMessage, response: ServerResponse): void {
  const body = STATUS_CODES[426]!;
  response.writeHead(426, { 'Content-Length': body.length, 'Content-Type': 'text/plain' });
  response.end(body);
}

/**
 * A WebSocket server with the interface of the package `ws`: on its own port, on an HTTP server of the application, or
 * without a server, for requests that the application passes to {@link handleUpgrade}.
 * @typeParam T Class of the connections.
 * @typeParam U Class of the requests.
 */
export class WebSocketServer<
  T extends SocketClass = SocketClass,
  U extends RequestClass = RequestClass,
> extends WsEmitter<WebSocketServerEvents<InstanceType<T>, InstanceType<U>>> {
  /** The CommonJS copy of this library has a class of its own. Its servers are instances of this class, too. @internal */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(this, WebSocketServer, BRAND, value);
  }

  /** Read at each handshake. The types leave out the class `WebSocket`, so that a server is one of `@types/ws`, too. */
  options: ServerOptions<never, U>;
  /** The open connections; absent with `clientTracking: false`. */
  clients!: Set<InstanceType<T>>;
  /** Not used; `options.path` is. */
  declare path: string;
  /** @internal */
  _server: Server | null | undefined;
  /** @internal */
  _state: 'running' | 'closing' | 'closed' = 'running';
  /** @internal */
  _removeListeners: (() => void) | undefined;
  /** One function for all clients. @internal */
  _untrack: ((closed: EventEmitter) => void) | undefined;

  /** @internal */
  get [BRAND](): true {
    return true;
  }

  /**
   * @param callback Listener of `listening`, with `port`.
   * @throws TypeError Unless exactly one of `port`, `server` and `noServer` is given.
   */
  constructor(options?: ServerOptions<T, U>, callback?: () => void) {
    super();
    const given = { ...DEFAULTS, WebSocket, ...options } as ServerOptions<T, U>;
    const hasPort = given.port !== undefined && given.port !== null;
    if ([hasPort, Boolean(given.server), given.noServer === true].filter(Boolean).length !== 1)
      throw new TypeError(
        'One and only one of the "port", "server", or "noServer" options must be specified',
      );
    if (hasPort) {
      this._server = createServer(answerUpgradeRequired);
      this._server.listen(given.port, given.host as string, given.backlog as number, callback);
    } else if (given.server !== undefined && given.server !== null) this._server = given.server;
    if (this._server !== undefined && this._server !== null)
      this._removeListeners = this._listenTo(this._server);
    if (given.perMessageDeflate === true) given.perMessageDeflate = {};
    if (given.clientTracking === true) this.clients = new Set();
    this.options = given as ServerOptions<never, U>;
  }

  /**
   * Returns where the HTTP server listens; `null` after `close`.
   * @throws Error With `noServer`.
   */
  address(): AddressInfo | string | null {
    if (this.options.noServer === true) throw new Error('The server is operating in "noServer" mode');
    return this._server?.address() ?? null;
  }

  /**
   * Stops accepting. Connections stay open; `close` is emitted when they have closed, or, with `port`, when the HTTP server
   * has.
   * @param callback Called on `close`, or with an error if the server is closed.
   */
  close(callback?: (error?: Error) => void): void {
    if (this._state === 'closed') {
      if (callback !== undefined) this.once('close', () => callback(new Error('The server is not running')));
      nextTick(() => this._emitClose());
      return;
    }
    if (callback !== undefined) this.once('close', callback);
    if (this._state === 'closing') return;
    this._state = 'closing';
    const server = this._server;
    this._removeListeners?.();
    this._removeListeners = undefined;
    this._server = null;
    const isOwn = this.options.noServer !== true && !this.options.server;
    if (isOwn) server!.close(() => this._emitClose());
    else if ((this.clients as Set<unknown> | undefined)?.size) return;
    else nextTick(() => this._emitClose());
  }

  /** Whether a request is for this server: by `options.path`. May be overridden. */
  shouldHandle(request: InstanceType<U>): boolean | Promise<boolean> {
    const { path } = this.options;
    if (!path) return true;
    const url = request.url!;
    const query = url.indexOf('?');
    return (query === -1 ? url : url.slice(0, query)) === path;
  }

  /**
   * Accepts or refuses an upgrade request.
   * @param head Bytes that followed the request.
   * @param callback Called with the connection before this returns, unless `verifyClient` is asynchronous.
   */
  handleUpgrade(
    request: InstanceType<U>,
    socket: Duplex,
    head: Buffer,
    callback: (client: InstanceType<T>, request: InstanceType<U>) => void,
  ): void {
    guard(socket);
    const wrong = requestFault(request);
    if (wrong !== undefined) {
      this._refuse(request, socket, wrong);
      return;
    }
    if (!this.shouldHandle(request)) {
      refuse(socket, { status: 400, message: '' });
      return;
    }
    const offer = this._readOffer(request);
    if ('status' in offer) this._refuse(request, socket, offer);
    else {
      const { extensions, key, protocols } = offer;
      this._verify(request, socket, () =>
        this.completeUpgrade(extensions, key, protocols, request, socket, head, callback),
      );
    }
  }

  /** @internal */
  _listenTo(server: Server): () => void {
    const listeners = {
      listening: () => void this.emit('listening'),
      error: (error: Error) => void this.emit('error', error),
      upgrade: (request: InstanceType<U>, socket: Duplex, head: Buffer) => {
        this.handleUpgrade(request, socket, head, (client) => void this.emit('connection', client, request));
      },
    };
    const entries = Object.entries(listeners) as unknown as readonly (readonly [string, () => void])[];
    for (const [name, listener] of entries) server.on(name, listener);
    return () => {
      for (const [name, listener] of entries) server.removeListener(name, listener);
    };
  }

  /** @internal */
  _emitClose(): void {
    this._state = 'closed';
    this.emit('close');
  }

  /** @internal */
  _refuse(request: InstanceType<U>, socket: Duplex, fault: RequestFault): void {
    if (this.listenerCount('wsClientError') > 0)
      this.emit('wsClientError', new Error(fault.message), socket, request);
    else refuse(socket, fault);
  }

  /** @internal */
  _readOffer({ headers }: InstanceType<U>): Offer | RequestFault {
    let protocols: Set<string>;
    try {
      const offered = headers['sec-websocket-protocol'];
      protocols = offered === undefined ? new Set() : subprotocol.parse(offered);
    } catch {
      return { status: 400, message: 'Invalid Sec-WebSocket-Protocol header' };
    }
    const negotiated: NegotiatedExtensions = {};
    const { perMessageDeflate } = this.options;
    const extensions = headers['sec-websocket-extensions'];
    try {
      if (perMessageDeflate && extensions !== undefined) {
        const options = perMessageDeflate === true ? {} : perMessageDeflate;
        const deflate = answerOffers(extensions, options, defaultEngine.zlib.drivesZlib);
        if (deflate !== undefined) negotiated['permessage-deflate'] = deflate;
      }
    } catch {
      return { status: 400, message: 'Invalid or unacceptable Sec-WebSocket-Extensions header' };
    }
    return { key: headers['sec-websocket-key']!, protocols, extensions: negotiated };
  }

  /** @internal */
  _verify(request: InstanceType<U>, socket: Duplex, accept: () => void): void {
    const { verifyClient } = this.options;
    if (!verifyClient) {
      accept();
      return;
    }
    const { headers, socket: below } = request as IncomingMessage & { socket: { encrypted?: boolean } };
    const field = Number(headers['sec-websocket-version']) === 8 ? 'sec-websocket-origin' : 'origin';
    const info = { origin: headers[field] as string, secure: below.encrypted === true, req: request };
    const refuseWith = (status = 401, message = '', fields?: OutgoingHttpHeaders): void =>
      refuse(socket, { status, message, ...(fields === undefined ? {} : { headers: fields }) });
    if (verifyClient.length === 2) {
      (verifyClient as VerifyClientCallbackAsync<InstanceType<U>>)(
        info,
        (verified, code, message, fields) => {
          if (verified) accept();
          else refuseWith(code || 401, message, fields);
        },
      );
    } else if ((verifyClient as VerifyClientCallbackSync<InstanceType<U>>)(info)) accept();
    else refuseWith();
  }

  /**
   * Answers a request that was checked, with the arguments that `ws` has, so that a subclass can come before it.
   * @internal
   */
  completeUpgrade(
    extensions: NegotiatedExtensions,
    key: string,
    protocols: Set<string>,
    request: InstanceType<U>,
    socket: Duplex & { [UPGRADED]?: boolean },
    head: Buffer,
    callback: (client: InstanceType<T>, request: InstanceType<U>) => void,
  ): void {
    // The client may have left meanwhile.
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return;
    }
    if (socket[UPGRADED] === true)
      throw new Error(
        'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration',
      );
    if (this._state !== 'running') {
      refuse(socket, { status: 503, message: '' });
      return;
    }
    socket[UPGRADED] = true;
    const { options } = this;
    const client = new (options as unknown as { WebSocket: T }).WebSocket(
      null,
      undefined,
      options,
    ) as InstanceType<T>;
    const headers = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${acceptValue(key)}`,
    ];
    const protocol = this._chooseProtocol(protocols, request);
    if (protocol) {
      headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
      client._protocol = protocol;
    }
    const deflate = extensions['permessage-deflate'];
    if (deflate !== undefined) {
      headers.push(`Sec-WebSocket-Extensions: ${deflate.text}`);
      const { perMessageDeflate } = options;
      const settings = deflateSettings(typeof perMessageDeflate === 'object' ? perMessageDeflate : {});
      client[DRIVER].deflate = { agreed: deflate.agreed, settings };
    }
    this.emit('headers', headers, request);
    unguard(socket);
    client.setSocket(socket, head, {
      ...options,
      // In UTF-8, as `ws` writes it: in Latin-1, characters above U+00FF could become line ends.
      [PREAMBLE]: Buffer.from(`${headers.join('\r\n')}\r\n\r\n`),
    });
    this._track(client);
    callback(client, request);
  }

  /** @internal */
  _chooseProtocol(protocols: Set<string>, request: InstanceType<U>): string | false | undefined {
    if (protocols.size === 0) return undefined;
    const { handleProtocols } = this.options;
    if (!handleProtocols) return [...protocols][0];
    return handleProtocols(protocols, request);
  }

  /** @internal */
  _track(client: InstanceType<T>): void {
    const clients = this.clients as Set<InstanceType<T>> | undefined;
    if (clients === undefined) return;
    clients.add(client);
    this._untrack ??= (closed) => {
      this.clients.delete(closed as InstanceType<T>);
      const waits =
        this._state === 'closing' && (this.options.noServer === true || Boolean(this.options.server));
      if (waits && this.clients.size === 0) nextTick(() => this._emitClose());
    };
    client[DRIVER].onClosed = this._untrack;
  }
}
