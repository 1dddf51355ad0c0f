import { Buffer } from 'node:buffer';
import type { EventEmitter } from 'node:events';
import {
  type ClientRequest,
  type IncomingMessage,
  request as requestHttp,
  type RequestOptions,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect as connectTcp, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { unescape } from 'node:querystring';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import { defaultEngine } from '../engine/engine.ts';
import { acceptValue } from '../protocol/handshake/accept-key.ts';
import { acceptAnswer, offerOf } from './deflate-rules.ts';
import type { ClientOptions, PerMessageDeflateOptions } from './options.ts';
import { RedirectOrigin } from './redirects.ts';
import { READY } from './ready-states.ts';
import { deflateSettings } from './settings.ts';
import type { SocketDriver } from './socket-driver.ts';
import { nextTick } from './ticks.ts';

const VERSIONS: readonly unknown[] = [8, 13];
const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`|a-z~]+$/;
const MAX_REDIRECTS = 10;

/** The `WebSocket` whose handshake this is. */
interface HandshakeSocket extends EventEmitter {
  _url: string | undefined;
  _protocol: string;
  setSocket(socket: Duplex, head: Buffer, options: object): void;
}

type Headers = Record<string, string | number | undefined>;
/** Options of the request, as they are changed on the way. */
type HopOptions = Omit<ClientOptions, 'headers' | 'createConnection'> &
  RequestOptions & { headers: Headers; protocols?: unknown };

function connectPlain(options: NetConnectOpts & { socketPath?: string; path?: string | undefined }): Socket {
  return connectTcp({ ...options, path: options.socketPath } as NetConnectOpts);
}

function connectSecure(options: TlsOptions): Socket {
  const { servername, host } = options;
  const name = servername === undefined ? (isIP(host ?? '') === 0 ? host : '') : servername;
  return connectTls({ ...options, path: undefined, servername: name } as TlsOptions);
}

/** @throws SyntaxError For what is no URL of a WebSocket. */
function readAddress(address: string | URL): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new SyntaxError(`Invalid URL: ${String(address)}`);
  }
  if (url.protocol === 'http:') url.protocol = 'ws:';
  else if (url.protocol === 'https:') url.protocol = 'wss:';
  return url;
}

/** @throws SyntaxError */
function checkUrl({ protocol, pathname, hash }: URL): void {
  if (!['ws:', 'wss:', 'ws+unix:'].includes(protocol))
    throw new SyntaxError(
      'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"',
    );
  if (protocol === 'ws+unix:' && pathname === '') throw new SyntaxError("The URL's pathname is empty");
  if (hash !== '') throw new SyntaxError('The URL contains a fragment identifier');
}

/** @throws SyntaxError For one that is no token, or occurs twice. */
function checkProtocols(protocols: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  for (const protocol of protocols) {
    if (typeof protocol !== 'string' || !TOKEN.test(protocol) || seen.has(protocol))
      throw new SyntaxError('An invalid or duplicated subprotocol was specified');
    seen.add(protocol);
  }
  return seen;
}

/** The opening handshake of a client, on a request of Node: agents, redirects and events expose Node's own objects. */
export class ClientHandshake {
  readonly #socket: HandshakeSocket;
  readonly #driver: SocketDriver;
  readonly #protocols: readonly string[];
  readonly #offered: ReadonlySet<string>;
  readonly #deflate: PerMessageDeflateOptions | undefined;
  #options: ClientOptions;
  #request: ClientRequest | undefined;
  #isAborted = false;
  #redirects = 0;
  #origin: RedirectOrigin | undefined;

  /** @throws RangeError SyntaxError */
  constructor(
    socket: HandshakeSocket,
    driver: SocketDriver,
    protocols: readonly string[],
    options: ClientOptions,
  ) {
    const { protocolVersion = 13 } = options;
    const { perMessageDeflate } = { perMessageDeflate: true, ...options };
    if (!VERSIONS.includes(protocolVersion))
      throw new RangeError(
        `Unsupported protocol version: ${String(protocolVersion)} (supported versions: 8, 13)`,
      );
    this.#socket = socket;
    this.#driver = driver;
    this.#protocols = protocols;
    this.#offered = checkProtocols(protocols);
    this.#options = options;
    if (perMessageDeflate) this.#deflate = perMessageDeflate === true ? {} : perMessageDeflate;
    driver.abortHandshake = (message) => this.#abort(message);
  }

  /** @throws SyntaxError For an invalid address. */
  start(address: string | URL): void {
    const url = readAddress(address);
    this.#socket._url = url.href;
    checkUrl(url);
    this.#connect(url);
  }

  #connect(url: URL): void {
    const { followRedirects, handshakeTimeout, finishRequest, maxRedirects = MAX_REDIRECTS } = this.#options;
    const key = defaultEngine.random.bytes(16).toString('base64');
    const isSecure = url.protocol === 'wss:';
    const options = this.#hopOptions(url, key, isSecure);
    if (followRedirects) this.#prepareRedirects(url, options, isSecure);
    const request = (isSecure ? requestHttps : requestHttp)(options as RequestOptions);
    this.#request = request;
    if (this.#redirects > 0) this.#socket.emit('redirect', url.href, request);
    if (handshakeTimeout !== undefined && handshakeTimeout > 0)
      request.on('timeout', () => this.#abort('Opening handshake has timed out'));
    request.on('error', (error) => {
      if (this.#isAborted || this.#request !== request) return;
      this.#request = undefined;
      this.#fail(error);
    });
    request.on('response', (response) => {
      const { statusCode = 0, headers } = response;
      const isRedirect = headers.location !== undefined && statusCode >= 300 && statusCode < 400;
      if (isRedirect && followRedirects) this.#redirect(url, headers.location!, request, maxRedirects);
      else if (!this.#socket.emit('unexpected-response', request, response))
        this.#abort(`Unexpected server response: ${statusCode}`);
    });
    request.on('upgrade', (response, socket, head) => this.#upgraded(response, socket, head, key));
    if (finishRequest === undefined) request.end();
    else finishRequest(request, this.#socket as never);
  }

  #hopOptions(url: URL, key: string, isSecure: boolean): HopOptions {
    const given = this.#options;
    const { protocolVersion = 13, origin, handshakeTimeout, createConnection } = given;
    const headers: Headers = {
      ...given.headers,
      'Sec-WebSocket-Version': protocolVersion,
      'Sec-WebSocket-Key': key,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
    };
    if (this.#deflate !== undefined)
      headers['Sec-WebSocket-Extensions'] = offerOf(this.#deflate, defaultEngine.zlib.drivesZlib);
    if (this.#protocols.length > 0) headers['Sec-WebSocket-Protocol'] = this.#protocols.join(',');
    if (origin !== undefined) headers[protocolVersion < 13 ? 'Sec-WebSocket-Origin' : 'Origin'] = origin;
    const { hostname, username, password } = url;
    const options = {
      ...given,
      protocol: undefined,
      method: 'GET',
      timeout: handshakeTimeout,
      defaultPort: isSecure ? 443 : 80,
      port: url.port === '' ? (isSecure ? 443 : 80) : url.port,
      host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
      hostname: undefined,
      path: url.pathname + url.search,
      socketPath: undefined,
      createConnection: createConnection ?? (isSecure ? connectSecure : connectPlain),
      headers,
    } as unknown as HopOptions;
    if (username !== '' || password !== '') options.auth = `${unescape(username)}:${unescape(password)}`;
    if (url.protocol === 'ws+unix:') {
      const [socketPath = '', ...rest] = options.path!.split(':');
      options.socketPath = socketPath;
      options.path = rest.join(':');
    }
    return options;
  }

  /** Credentials are for the first origin only. */
  #prepareRedirects(url: URL, options: HopOptions, isSecure: boolean): void {
    if (this.#origin === undefined) {
      this.#origin = new RedirectOrigin(url, options.socketPath ?? undefined, isSecure);
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(this.#options.headers ?? {}))
        headers[name.toLowerCase()] = value;
      this.#options = { ...this.#options, headers };
    } else if (this.#socket.listenerCount('redirect') === 0) {
      this.#origin.dropCredentials(url, options, isSecure);
    }
    // The first `Authorization` stays for all hops.
    const { headers = {} } = this.#options;
    if (typeof options.auth === 'string' && headers['authorization'] === undefined) {
      const authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
      this.#options = { ...this.#options, headers: { ...headers, authorization } };
    }
  }

  #redirect(from: URL, location: string, request: ClientRequest, maxRedirects: number): void {
    if (++this.#redirects > maxRedirects) {
      this.#abort('Maximum redirects exceeded');
      return;
    }
    this.#request = undefined;
    request.destroy();
    try {
      // A relative location has the scheme of the page that names it.
      this.start(new URL(location, from));
    } catch (error) {
      this.#fail(error instanceof SyntaxError ? error : new SyntaxError(`Invalid URL: ${location}`));
    }
  }

  #upgraded(response: IncomingMessage, socket: Duplex, head: Buffer, key: string): void {
    this.#socket.emit('upgrade', response);
    // A listener may have ended the connection.
    if (this.#driver.readyState !== READY.CONNECTING) return;
    this.#request = undefined;
    const fault = this.#faultOf(response, key);
    if (fault === undefined) {
      this.#driver.abortHandshake = undefined;
      this.#socket.setSocket(socket, head, this.#options);
      return;
    }
    this.#driver.readyState = READY.CLOSING;
    const error = new Error(fault);
    socket.once('error', () => {});
    socket.once('close', () => this.#driver.handshakeFailed(error));
    socket.destroy(error);
  }

  /** Checks the 101, and takes what it chose. @returns What is wrong with it. */
  #faultOf({ headers }: IncomingMessage, key: string): string | undefined {
    if (headers.upgrade?.toLowerCase() !== 'websocket') return 'Invalid Upgrade header';
    if (headers['sec-websocket-accept'] !== acceptValue(key)) return 'Invalid Sec-WebSocket-Accept header';
    const protocol = headers['sec-websocket-protocol'];
    if (protocol === undefined) {
      if (this.#offered.size > 0) return 'Server sent no subprotocol';
    } else if (this.#offered.size === 0) return 'Server sent a subprotocol but none was requested';
    else if (!this.#offered.has(protocol)) return 'Server sent an invalid subprotocol';
    this.#socket._protocol = protocol ?? '';
    const extensions = headers['sec-websocket-extensions'];
    if (extensions === undefined) return undefined;
    if (this.#deflate === undefined)
      return 'Server sent a Sec-WebSocket-Extensions header but no extension was requested';
    const agreed = acceptAnswer(extensions, this.#deflate, defaultEngine.zlib.drivesZlib);
    if (typeof agreed === 'string') return agreed;
    this.#driver.deflate = { agreed, settings: deflateSettings(this.#deflate) };
    return undefined;
  }

  /** Ends the request; the error is reported in the next tick. */
  #abort(message: string): void {
    const request = this.#request;
    this.#isAborted = true;
    this.#driver.readyState = READY.CLOSING;
    const error = new Error(message);
    request?.destroy();
    nextTick(() => this.#fail(error));
  }

  #fail(error: Error): void {
    this.#driver.abortHandshake = undefined;
    this.#driver.handshakeFailed(error);
  }
}
