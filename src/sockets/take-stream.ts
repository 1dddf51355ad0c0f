import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { checkSockets, socketsUsable } from './handle-check.ts';
import { isDrivable, SocketTransport } from './socket-transport.ts';
import { StreamTransport } from './stream-transport.ts';
import type { TransportOwner } from './transport.ts';

const asked = { plain: false, encrypted: false };

/** Finds out in the background, once, whether the streams of such sockets can be passed by. */
export function prepareSockets(encrypted: boolean): void {
  const kind = encrypted ? 'encrypted' : 'plain';
  if (asked[kind]) return;
  asked[kind] = true;
  void checkSockets(encrypted);
}

/** Takes over any stream; past it, where it is a socket of Node's and that is known to work by now. */
export function takeStream(stream: Duplex, owner: TransportOwner): StreamTransport {
  if (stream instanceof Socket) {
    const encrypted = stream instanceof TLSSocket;
    if (!socketsUsable(encrypted)) prepareSockets(encrypted);
    else if (isDrivable(stream)) return new SocketTransport(stream, owner);
  }
  return new StreamTransport(stream, owner);
}
