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
 * Takes over any stream; past it, where it is a socket of Node's and the self-check has passed by now. The first socket of its
 * kind starts that check.
 */
export function takeStream(stream: Duplex, owner: TransportOwner, engine: Engine): StreamTransport {
  if (stream instanceof Socket) {
    const encrypted = stream instanceof TLSSocket;
    const checks = engine.part(SocketChecks);
    const sockets = engine.part(NodeSockets);
    if (!checks.areSocketsUsable(encrypted)) checks.prepareSockets(encrypted);
    else if (isDrivable(stream, sockets.findings)) return new SocketTransport(stream, owner, sockets);
  }
  return new StreamTransport(stream, owner);
}
