import type { Duplex } from 'node:stream';

/** The error that a system reports for a connection reset by the peer. */
export function connectionReset(): NodeJS.ErrnoException {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
}

/** Resets a connection. Destroys the stream if it supports no reset. */
export function resetStream(stream: Duplex): void {
  const { resetAndDestroy } = stream as { resetAndDestroy?: () => unknown };
  try {
    resetAndDestroy?.call(stream);
  } catch {
    // On sockets without a TCP handle (TLS, pipes) the method exists but throws.
  }
  stream.destroy();
}
