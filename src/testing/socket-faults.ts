import type { Duplex } from 'node:stream';
import type { Faults } from './lane.ts';
import { type DuplexPairOptions, duplexPair, type MemoryDuplex } from './memory-duplex.ts';
import { resetStream } from './reset.ts';
import { checkArgument, STREAM } from './call-check.ts';

/** A socket seen through a connection that can have faults. */
export interface FaultySocket {
  /** To be used in place of the socket. */
  readonly end: MemoryDuplex;
  /** Faults of what is written to `end`. */
  readonly outgoing: Faults;
  /** Faults of what the socket's peer sends. */
  readonly incoming: Faults;
  /** Breaks the connection on all sides: `end` fails with ECONNRESET, the socket is reset. */
  reset(): void;
}

/**
 * Puts faults between a real socket and whoever uses it. The socket, connected or connecting, belongs to the result from
 * here on; make it with `allowHalfOpen`, or it answers its peer's end with its own. After `lose` only `reset` is sure to
 * close it.
 */
export function socketFaults(socket: Duplex, options: DuplexPairOptions = {}): FaultySocket {
  checkArgument('socketFaults', 'socket', socket, STREAM);
  const pair = duplexPair(options);
  const inner = pair.server;
  socket.on('error', () => inner.resetAndDestroy());
  socket.on('close', () => {
    // After a regular end the last bytes may still be under way to `end`, and nobody takes what it writes.
    if (socket.readableEnded) inner.resume();
    else inner.destroy();
  });
  inner.on('error', () => resetStream(socket));
  socket.pipe(inner);
  inner.pipe(socket);
  return { end: pair.client, outgoing: pair.toServer, incoming: pair.toClient, reset: () => pair.reset() };
}
