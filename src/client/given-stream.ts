import type { Duplex } from 'node:stream';

/**
 * Waits until a stream of the application is connected.
 * @param done Called once, possibly synchronously. After an error the stream is destroyed.
 */
export function whenConnected(
  stream: Duplex & { readonly connecting?: boolean },
  done: (error?: Error) => void,
): void {
  // This listener stays: a stream can fail after it was abandoned or handed over.
  stream.on('error', () => undefined);
  if (stream.destroyed || !stream.writable || !stream.readable) {
    stream.destroy();
    done(new Error('it is closed'));
    return;
  }
  if (stream.connecting !== true) {
    done();
    return;
  }
  const settle = (error?: Error): void => {
    stream.off('connect', connected).off('error', settle).off('close', closed);
    if (error !== undefined) stream.destroy();
    done(error);
  };
  const connected = (): void => settle();
  const closed = (): void => settle(new Error('it closed before it was connected'));
  stream.on('connect', connected).on('error', settle).on('close', closed);
}
