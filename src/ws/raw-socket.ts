import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Link } from '../connection/link.ts';
import { SocketTransport } from '../sockets/socket-transport.ts';

/** The transport of a socket whose streams are bypassed; `undefined` for any other. */
export function drivenOf(link: Link): SocketTransport | undefined {
  const { transport } = link;
  return transport instanceof SocketTransport && transport.isDriven ? transport : undefined;
}

type Write = (
  chunk: Uint8Array | string,
  encoding?: BufferEncoding | ((error?: Error | null) => void),
  callback?: (error?: Error | null) => void,
) => boolean;

/**
 * Makes a socket whose streams are bypassed usable for code that writes to it or ends it: that follows the frames that were
 * sent before, and `isPaused` answers for the connection. Does nothing for other streams, which need nothing.
 */
export function exposeSocket(stream: Duplex, link: Link, isPaused: () => boolean): void {
  if (!(stream instanceof Socket) || drivenOf(link) === undefined || Object.hasOwn(stream, 'write')) return;
  const write: Write = (chunk, encoding, callback) => {
    const done = typeof encoding === 'function' ? encoding : callback;
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8')
        : Buffer.from(chunk);
    if (bytes.length > 0) link.outbox.shared(bytes);
    if (done !== undefined) link.outbox.mark((wasDropped) => done(wasDropped ? socketClosed() : null));
    link.flush();
    return !link.transport.blocked;
  };
  Object.defineProperty(stream, 'write', { value: write, configurable: true, writable: true });
  for (const name of ['end', 'destroySoon'] as const) {
    const ends = stream[name] as (this: Socket, ...args: unknown[]) => unknown;
    const value = (...args: unknown[]): unknown => {
      link.flush();
      return ends.apply(stream, args);
    };
    Object.defineProperty(stream, name, { value, configurable: true, writable: true });
  }
  Object.defineProperty(stream, 'isPaused', { value: isPaused, configurable: true, writable: true });
}

export const socketClosed = (): Error =>
  Object.assign(new Error('The socket was closed before the data was sent'), {
    code: 'ERR_STREAM_DESTROYED',
  });
