import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Where Node's HTTP server keeps the response that has the socket now. Not documented; there is no public way to learn of
 * responses that are pending. Without it (another runtime) a socket counts as free.
 */
type HttpSocket = Duplex & { readonly _httpMessage?: ServerResponse | null };

/** Listens for errors of a socket between two owners: without any listener an error would end the process. */
export const ignoreError = (): void => {};

/** The response to an earlier request that Node's HTTP server has not finished on this socket; `undefined` if there is none. */
export const pendingResponse = (socket: HttpSocket): ServerResponse | undefined =>
  socket._httpMessage ?? undefined;

/**
 * Waits for all earlier responses on a socket whose upgrade request came pipelined (RFC 9112 §9.3.2): what is written before
 * their end would get between them.
 * @param next Called at once if there are none.
 * @param gone Called instead where the socket has ended, or ends with the last of these responses.
 */
export function afterResponses(socket: Duplex, next: () => void, gone: () => void): void {
  const response = socket.destroyed ? undefined : pendingResponse(socket);
  if (response !== undefined) {
    // Node has removed its own listener with the upgrade.
    if (!socket.listeners('error').includes(ignoreError)) socket.on('error', ignoreError);
    response.once('close', () => afterResponses(socket, next, gone));
  } else if (socket.destroyed || socket.writableEnded) gone();
  else next();
}
