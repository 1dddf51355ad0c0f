import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * A socket of Node's HTTP server, with the undocumented property that holds its current response. There is no public way to
 * find pending responses. In runtimes without the property, a socket counts as free.
 */
type HttpSocket = Duplex & { readonly _httpMessage?: ServerResponse | null };

/** Error listener of a socket between two owners. An error without any listener would end the process. */
export const ignoreError = (): void => {};

/** The response to an earlier request that Node's HTTP server has not finished on this socket; `undefined` if there is none. */
export const pendingResponse = (socket: HttpSocket): ServerResponse | undefined =>
  socket._httpMessage ?? undefined;

/**
 * Waits for all earlier responses on a socket with a pipelined upgrade request (RFC 9112 §9.3.2). Earlier writes would mix
 * with these responses.
 * @param next Called when no response is pending; synchronously if none was.
 * @param gone Called instead if the socket has ended, or ends with the last of these responses.
 */
export function afterResponses(socket: Duplex, next: () => void, gone: () => void): void {
  const response = socket.destroyed ? undefined : pendingResponse(socket);
  if (response !== undefined) {
    // Node removed its own listener at the upgrade.
    if (!socket.listeners('error').includes(ignoreError)) socket.on('error', ignoreError);
    response.once('close', () => afterResponses(socket, next, gone));
  } else if (socket.destroyed || socket.writableEnded) gone();
  else next();
}
