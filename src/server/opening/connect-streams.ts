import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Http2Server, Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { type ConnectHead, readConnectHead } from '../../protocol/handshake/connect-head.ts';
import { ignoreError } from '../../sockets/pending-response.ts';
import { type Attached, memberFor, mostPatient } from './attached.ts';
import { refuseConnect } from './http-answers.ts';

/** Whether a server speaks HTTP/2. Node does not export the classes. */
export const isHttp2 = (server: object): server is Http2Server =>
  typeof (server as Partial<Http2Server>).updateSettings === 'function';

/** An extended CONNECT to WebSocket. */
interface ConnectOffer {
  readonly stream: ServerHttp2Stream;
  readonly head: ConnectHead;
  /** Node has made a request and a response of it, for the `request` listeners. */
  isCompatible: boolean;
}

/** No listener has answered the stream, ended it or begun to read it. */
const isUnclaimed = ({ stream }: ConnectOffer): boolean =>
  !stream.destroyed &&
  !stream.closed &&
  !stream.headersSent &&
  !stream.writableEnded &&
  stream.listenerCount('data') === 0;

/** The extended CONNECT requests of one HTTP/2 server (RFC 8441), for the servers that are attached to it. */
export class ConnectStreams {
  readonly #server: EventEmitter;
  readonly #members: readonly Attached[];
  readonly #offers = new WeakMap<ServerHttp2Stream, ConnectOffer>();

  /** @param members Read at each request; not empty while the listeners are there. */
  constructor(server: Http2Server, members: readonly Attached[]) {
    this.#server = server;
    this.#members = members;
    // First, so that the `connect` event of the same request finds its offer.
    this.#server.prependListener('stream', this.#onStream);
    this.#server.on('connect', this.#onConnect);
  }

  stop(): void {
    this.#server.off('stream', this.#onStream);
    this.#server.off('connect', this.#onConnect);
  }

  readonly #onStream = (
    stream: ServerHttp2Stream,
    _headers: unknown,
    _flags: number,
    rawHeaders: readonly string[],
  ): void => {
    const head = readConnectHead(rawHeaders);
    if (head?.protocol !== 'websocket') return;
    const offer = { stream, head, isCompatible: false };
    if (this.#server.listenerCount('stream') === 1) {
      this.#route(offer);
      return;
    }
    this.#offers.set(stream, offer);
    // Other listeners come first, in any order of adding: a listener that answers at once keeps the stream.
    stream.on('error', ignoreError);
    setImmediate(() => {
      stream.off('error', ignoreError);
      if (isUnclaimed(offer)) this.#route(offer);
    });
  };

  /**
   * Node emits this for CONNECT of HTTP/1.1, and for that of HTTP/2 if there are `request` listeners. Without any listener it refuses
   * them, and so does this listener if it is the only one.
   */
  readonly #onConnect = (
    request: Http2ServerRequest | IncomingMessage,
    answer: Http2ServerResponse | Duplex,
  ): void => {
    const offer = 'stream' in request ? this.#offers.get(request.stream) : undefined;
    if (offer !== undefined) offer.isCompatible = true;
    else if (this.#server.listenerCount('connect') > 1) return;
    else if ('stream' in answer) {
      answer.statusCode = 405;
      answer.end();
    } else answer.destroy();
  };

  #route(offer: ConnectOffer): void {
    const { stream, head } = offer;
    // A shutdown may have detached all of them meanwhile.
    const members = this.#members;
    const taker = memberFor(members, head.target);
    if (taker !== undefined) taker.takeStream(stream, head);
    else if (members.length === 0 || !this.#hasOthers(offer)) refuseStream(stream);
    else this.#leaveToOthers(offer);
  }

  #hasOthers({ isCompatible }: ConnectOffer): boolean {
    const streamListeners = this.#server.listenerCount('stream') - (isCompatible ? 2 : 1);
    return streamListeners > 0 || (isCompatible && this.#server.listenerCount('connect') > 1);
  }

  /** No attached server serves the path. Answers 404 if no other listener has claimed the stream within the handshake timeout. */
  #leaveToOthers(offer: ConnectOffer): void {
    const { stream } = offer;
    const { clock, settings } = mostPatient(this.#members);
    stream.on('error', ignoreError);
    const timer = clock.setTimer(() => {
      if (isUnclaimed(offer)) refuseStream(stream);
      else stream.off('error', ignoreError);
    }, settings.handshakeTimeoutMs);
    stream.once('close', () => clock.clearTimer(timer));
  }
}

function refuseStream(stream: ServerHttp2Stream): void {
  stream.on('error', ignoreError);
  refuseConnect(stream, 'ERR_PATH');
}
