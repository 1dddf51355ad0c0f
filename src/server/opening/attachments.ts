import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { MisuseError } from '../../protocol/errors.ts';
import { renderRefusal } from '../../protocol/handshake/answer.ts';
import { listContains } from '../../protocol/handshake/fields.ts';
import type { Engine } from '../../engine/engine.ts';
import { afterResponses, ignoreError, pendingResponse } from '../../sockets/pending-response.ts';
import { admitsWebSocket } from '../../sockets/http2-server.ts';
import { type AttachableServer, type Attached, memberFor, mostPatient } from './attached.ts';
import { ConnectStreams, isHttp2 } from './connect-streams.ts';
import { type ChoosyServer, serveWithoutUpgrade } from './plain-upgrade.ts';

/** The attached servers of one HTTP server, behind one `upgrade` listener; for HTTP/2, also behind one for streams. */
interface Board {
  readonly members: Attached[];
  readonly listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Restores what {@link skipOtherUpgrades} replaced. */
  readonly restore: () => void;
  readonly streams: ConnectStreams | undefined;
}

/** The HTTP servers that servers of one engine are attached to. */
class Boards {
  readonly of = new WeakMap<AttachableServer, Board>();
}

const isWebSocket = (request: IncomingMessage): boolean =>
  listContains(request.headers.upgrade ?? '', 'websocket');

const NOT_FOUND = renderRefusal('ERR_PATH', {});
const HEAD_TOO_BIG = renderRefusal('ERR_HEAD_TOO_BIG', {});

function endWith(socket: Duplex, answer: string): void {
  socket.on('error', ignoreError);
  socket.end(answer, 'latin1', () => socket.destroy());
}

/** An `upgrade` event of Node and the state of its socket at that moment, which shows later whether a listener touched it. */
class Offer {
  readonly request: IncomingMessage;
  readonly socket: Duplex & { readonly bytesWritten?: number };
  readonly head: Buffer;
  readonly #bytesWritten: number | undefined;
  readonly #isFlowing: boolean | null;

  constructor(request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.request = request;
    this.socket = socket;
    this.head = head;
    this.#bytesWritten = this.socket.bytesWritten;
    this.#isFlowing = socket.readableFlowing;
  }

  /** No listener has written to the socket, ended it or begun to read it. */
  get isUnclaimed(): boolean {
    const { socket } = this;
    return (
      !socket.destroyed &&
      socket.writable &&
      socket.bytesWritten === this.#bytesWritten &&
      socket.writableLength === 0 &&
      socket.writableCorked === 0 &&
      socket.readableFlowing === this.#isFlowing &&
      socket.listenerCount('data') === 0 &&
      socket.listenerCount('readable') === 0
    );
  }
}

const hasOthers = (server: HttpServer, board: Board): boolean =>
  server.listeners('upgrade').some((listener) => listener !== board.listener);

/** Passes an upgrade to the attached server that serves its path, unless another listener answers it. */
function route(server: HttpServer, board: Board, offer: Offer): void {
  const { request, socket, head } = offer;
  if (board.members.length === 0) {
    // A listener before this one has detached the last server; Node still calls this one.
    if (!hasOthers(server, board))
      afterResponses(
        socket,
        () => answerForAll(server, offer),
        () => {},
      );
    return;
  }
  const taker = isWebSocket(request) ? memberFor(board.members, request.url ?? '') : undefined;
  const others = hasOthers(server, board);
  if (taker === undefined) {
    if (others) leaveToOthers(server, board, offer);
    else afterTurn(board, offer, () => answerForAll(server, offer));
    return;
  }
  if (!others) {
    taker.take(request, socket, head);
    return;
  }
  // Other listeners come first, in any order of adding: a listener that answers at once keeps the socket.
  socket.on('error', ignoreError);
  setImmediate(() => {
    socket.off('error', ignoreError);
    if (offer.isUnclaimed) taker.take(request, socket, head);
  });
}

/**
 * No attached server matches this upgrade. Leaves it to the other listeners; answers it if none of them has touched the
 * socket within the handshake timeout.
 */
function leaveToOthers(server: HttpServer, board: Board, offer: Offer): void {
  const { socket } = offer;
  const { clock, settings } = mostPatient(board.members);
  // Node removes its own error listener when it emits `upgrade`.
  socket.on('error', ignoreError);
  const timer = clock.setTimer(() => {
    if (offer.isUnclaimed && pendingResponse(socket) === undefined) answerForAll(server, offer);
    else socket.off('error', ignoreError);
  }, settings.handshakeTimeoutMs);
  socket.once('close', () => clock.clearTimer(timer));
}

/** Waits for the responses to earlier requests on the socket, at most for the handshake timeout. */
function afterTurn({ members }: Board, { socket }: Offer, next: () => void): void {
  const { clock, settings } = mostPatient(members);
  let timer: unknown;
  if (pendingResponse(socket) !== undefined)
    timer = clock.setTimer(() => socket.destroy(), settings.handshakeTimeoutMs);
  const done = (step: () => void) => () => {
    clock.clearTimer(timer);
    step();
  };
  afterResponses(
    socket,
    done(next),
    done(() => {}),
  );
}

/** Whether the HTTP server would answer an ordinary request. */
const answersRequests = (server: HttpServer): boolean => server.listenerCount('request') > 0;

/** Answers an upgrade that neither an attached server nor another listener has taken. */
function answerForAll(server: HttpServer, { request, socket, head }: Offer): void {
  if (isWebSocket(request) || !answersRequests(server)) {
    endWith(socket, NOT_FOUND);
    return;
  }
  socket.on('error', ignoreError);
  // Not inside the callback of the parser that read the head: Node may reuse that parser.
  setImmediate(() => {
    socket.off('error', ignoreError);
    if (socket.destroyed) return;
    if (!serveWithoutUpgrade(server, request, socket, head)) endWith(socket, HEAD_TOO_BIG);
  });
}

/**
 * Node 24 and later ask whether a request causes an `upgrade` event. Answers no for requests that offer another protocol,
 * unless there are other `upgrade` listeners: such a request then never has to be handed back.
 * @returns Restores the previous callback.
 */
function skipOtherUpgrades(server: ChoosyServer, hasOtherListeners: () => boolean): () => void {
  const previous = server.shouldUpgradeCallback;
  if (typeof previous !== 'function') return () => {};
  const callback = (request: IncomingMessage): boolean =>
    (isWebSocket(request) || hasOtherListeners() || !answersRequests(server)) &&
    previous.call(server, request);
  server.shouldUpgradeCallback = callback;
  return () => {
    if (server.shouldUpgradeCallback === callback) server.shouldUpgradeCallback = previous;
  };
}

/**
 * Attaches a server to an HTTP server. All attached servers share one `upgrade` listener.
 * @throws MisuseError `ERR_OPTION` for an HTTP server with `insecureHTTPParser`, or for one of HTTP/2 without WebSocket.
 */
export function attach(server: AttachableServer, member: Attached, engine: Engine): void {
  // Node stores the option under its name; the types do not say so.
  if ((server as HttpServer & { insecureHTTPParser?: boolean }).insecureHTTPParser === true) {
    throw new MisuseError(
      'ERR_OPTION',
      'insecureHTTPParser is true on this HTTP server: such a parser accepts requests that a proxy may read differently; remove the option',
    );
  }
  if (isHttp2(server) && !admitsWebSocket(server)) {
    throw new MisuseError(
      'ERR_OPTION',
      'no client can open a WebSocket on this HTTP/2 server: its setting enableConnectProtocol is off; create it with settings: { enableConnectProtocol: true }, or with allowHTTP1: true for upgrades of HTTP/1.1 only',
    );
  }
  const boards = engine.part(Boards).of;
  let board = boards.get(server);
  if (board === undefined) {
    board = addBoard(server);
    boards.set(server, board);
  }
  board.members.push(member);
}

function addBoard(given: AttachableServer): Board {
  // A server of HTTP/2 with `allowHTTP1` emits the events of one of HTTP/1.1.
  const server = given as HttpServer;
  const members: Attached[] = [];
  const board: Board = {
    members,
    listener: (request, socket, head) => route(server, board, new Offer(request, socket, head)),
    restore: skipOtherUpgrades(server, () => hasOthers(server, board)),
    streams: isHttp2(given) ? new ConnectStreams(given, members) : undefined,
  };
  // Before all other listeners, to record the state of the socket before they touch it.
  server.prependListener('upgrade', board.listener);
  return board;
}

/** Detaches a server; removes the `upgrade` listener after the last one. @param member Must be attached. */
export function detach(server: AttachableServer, member: Attached, engine: Engine): void {
  const boards = engine.part(Boards).of;
  const { members, listener, restore, streams } = boards.get(server)!;
  members.splice(members.indexOf(member), 1);
  if (members.length > 0) return;
  (server as EventEmitter).off('upgrade', listener);
  streams?.stop();
  restore();
  boards.delete(server);
}
