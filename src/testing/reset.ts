import type { Duplex } from 'node:stream';

/** The error a system gives for a connection that the other side has reset. */
export function connectionReset(): NodeJS.ErrnoException {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
}

/** Breaks a connection so that the other side sees a reset; where the stream has no way to say so, closes it at once. */
export function resetStream(stream: Duplex): void {
  const { resetAndDestroy } = stream as { resetAndDestroy?: () => unknown };
  try {
    resetAndDestroy?.call(stream);
  } catch {
    // A socket whose handle is not TCP (TLS, a pipe) has the method and refuses it.
  }
  stream.destroy();
}
