import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Engine } from '../engine/engine.ts';
import { SocketChecks } from './handle-check.ts';
import { NodeSockets } from './node-handle.ts';
import { isDrivable, SocketTransport } from './socket-transport.ts';
import { StreamTransport } from './stream-transport.ts';
import type { TransportOwner } from './transport.ts';

/**
 * Takes a stream over. A socket of Node bypasses its streams once the self-check has passed: at once, or when the check that
 * runs in the background ends; the first socket of its kind starts it. Any other stream is used as it is.
 */
export function takeStream(stream: Duplex, owner: TransportOwner, engine: Engine): StreamTransport {
  if (!(stream instanceof Socket)) return new StreamTransport(stream, owner);
  const encrypted = stream instanceof TLSSocket;
  const checks = engine.part(SocketChecks);
  const sockets = engine.part(NodeSockets);
  if (!checks.areSocketsUsable(encrypted)) {
    const transport = new SocketTransport(stream, owner, sockets, false);
    void checks.prepareSockets(encrypted).then((isGood) => {
      if (isGood) transport.drive();
    });
    return transport;
  }
  return isDrivable(stream, sockets.findings)
    ? new SocketTransport(stream, owner, sockets)
    : new StreamTransport(stream, owner);
}
