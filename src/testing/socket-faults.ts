import type { Duplex } from 'node:stream';
import type { Faults } from './lane.ts';
import { type DuplexPairOptions, duplexPair, type MemoryDuplex } from './memory-duplex.ts';
import { resetStream } from './reset.ts';
import { checkArgument, STREAM } from './call-check.ts';

/** A socket behind a connection with faults. */
export interface FaultySocket {
  /** Use this end instead of the socket. */
  readonly end: MemoryDuplex;
  /** Faults of the bytes written to `end`. */
  readonly outgoing: Faults;
  /** Faults of the bytes from the peer of the socket. */
  readonly incoming: Faults;
  /** Resets the connection on both sides: `end` fails with ECONNRESET, and the peer of the socket sees a reset. */
  reset(): void;
}

/**
 * Puts faults between a real socket and its user. The result owns the socket, which may be connected or connecting. Make the
 * socket with `allowHalfOpen`; otherwise it ends its own half after the EOF of the peer. After `lose`, call `reset` to close
 * the socket.
 */
export function socketFaults(socket: Duplex, options: DuplexPairOptions = {}): FaultySocket {
  checkArgument('socketFaults', 'socket', socket, STREAM);
  const pair = duplexPair(options);
  const inner = pair.server;
  socket.on('error', () => inner.resetAndDestroy());
  socket.on('close', () => {
    // After a regular end the last bytes may still be in flight to `end`. Discard bytes that `end` writes now.
    if (socket.readableEnded) inner.resume();
    else inner.destroy();
  });
  inner.on('error', () => resetStream(socket));
  socket.pipe(inner);
  inner.pipe(socket);
  return { end: pair.client, outgoing: pair.toServer, incoming: pair.toClient, reset: () => pair.reset() };
}
