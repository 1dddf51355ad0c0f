import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { MisuseError } from '../protocol/errors.ts';
import { renderRefusal } from '../protocol/handshake/answer.ts';
import { listContains } from '../protocol/handshake/fields.ts';
import type { Clock } from '../transport/clock.ts';

/** One of our servers on an HTTP server. */
export interface Attached {
  /** Whether requests for this path are its own. */
  serves(path: string): boolean;
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  readonly handshakeTimeoutMs: number;
  readonly clock: Clock;
}

/** All of ours on one HTTP server, behind one listener. */
interface Board {
  readonly members: Attached[];
  readonly listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

const boards = new WeakMap<HttpServer, Board>();

const isWebSocket = (request: IncomingMessage): boolean =>
  listContains(request.headers.upgrade ?? '', 'websocket');

/** Path of a request target in origin or absolute form, dot segments resolved. */
function pathOfTarget(target: string): string | undefined {
  const url = target.startsWith('/') ? `http://host${target}` : target;
  return URL.canParse(url) ? new URL(url).pathname : undefined;
}

const NOT_FOUND = renderRefusal('ERR_PATH', {});

function endWith(socket: Duplex, answer: string): void {
  socket.on('error', () => {});
  socket.end(answer, 'latin1', () => socket.destroy());
}

/** Nobody has answered an upgrade, and nobody reads its socket. */
function isUnclaimed(socket: Duplex & { bytesWritten?: number }, bytesWritten: number | undefined): boolean {
  return (
    !socket.destroyed &&
    socket.writable &&
    socket.bytesWritten === bytesWritten &&
    socket.listenerCount('data') === 0 &&
    socket.listenerCount('readable') === 0
  );
}

/**
 * An upgrade that none of ours wants. Other listeners may want it: it is theirs, and only if none of them ever touches
 * it does it get 404 in the end.
 */
function leaveToOthers(server: HttpServer, board: Board, socket: Duplex & { bytesWritten?: number }): void {
  const others = server.listeners('upgrade').some((listener) => listener !== board.listener);
  if (!others) {
    endWith(socket, NOT_FOUND);
    return;
  }
  const { bytesWritten } = socket;
  const { clock, handshakeTimeoutMs } = mostPatient(board.members);
  const timer = clock.setTimer(() => {
    if (isUnclaimed(socket, bytesWritten)) endWith(socket, NOT_FOUND);
  }, handshakeTimeoutMs);
  socket.once('close', () => clock.clearTimer(timer));
}

const mostPatient = (members: readonly Attached[]): Attached =>
  members.reduce((one, other) => (other.handshakeTimeoutMs > one.handshakeTimeoutMs ? other : one));

/**
 * Adds one of ours to an HTTP server. There is one `upgrade` listener for all of them.
 * @throws MisuseError `ERR_OPTION` for a server that parses leniently.
 */
export function attach(server: HttpServer, member: Attached): void {
  // Not in the types: Node keeps the option as it was given.
  if ((server as HttpServer & { insecureHTTPParser?: boolean }).insecureHTTPParser === true) {
    throw new MisuseError(
      'ERR_OPTION',
      'insecureHTTPParser is true on this HTTP server: requests that it lets through cannot be trusted to be what they seem',
    );
  }
  let board = boards.get(server);
  if (board === undefined) {
    const members: Attached[] = [];
    const listener = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const path = pathOfTarget(request.url ?? '');
      const taker = isWebSocket(request)
        ? members.find((one) => path !== undefined && one.serves(path))
        : undefined;
      if (taker !== undefined) taker.take(request, socket, head);
      else leaveToOthers(server, boards.get(server)!, socket);
    };
    board = { members, listener };
    boards.set(server, board);
    server.on('upgrade', listener);
  }
  board.members.push(member);
}

/** Takes one of ours off again; with the last, the listener goes. @param member Attached to that server. */
export function detach(server: HttpServer, member: Attached): void {
  const { members, listener } = boards.get(server)!;
  members.splice(members.indexOf(member), 1);
  if (members.length > 0) return;
  server.off('upgrade', listener);
  boards.delete(server);
}
