import { createServer, type Server, type Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { Entrance } from '../../sockets/entrance.ts';
import { TCP_KEEP_ALIVE_MS } from '../../sockets/stream-transport.ts';
import type { ArrivedTransport, TransportOwner } from '../../sockets/transport.ts';
import { createTcpServer, pastSockets, pastTlsStreams, type Shortcut } from './listener.ts';
import { ProxyArrival } from './proxy-arrival.ts';
import type { ServerCore } from '../server-core.ts';
import type { TlsOptions } from '../../options/tls-options.ts';
import { createTlsServer } from './tls-server.ts';

/** A server with its own port, whose sockets become handshakes. */
export interface OwnPort {
  readonly server: Server;
  /** For `reloadTls`; `undefined` without TLS. */
  readonly tlsServer: TlsServer | undefined;
  readonly shortcut: Shortcut;
}

/** Creates a server that passes every socket to the core: with TLS if `tls` is set, after PROXY headers if `proxyProtocol` is. */
export function ownPort<UserData>(core: ServerCore<UserData>, tls: TlsOptions | undefined): OwnPort {
  return tls === undefined ? plainPort(core) : tlsPort(core, tls);
}

function plainPort<UserData>(core: ServerCore<UserData>): OwnPort {
  const arrived = (open: (owner: TransportOwner) => ArrivedTransport, stream?: Socket): void => {
    const known = stream === undefined ? {} : { stream };
    if (core.options.proxyProtocol === false) core.arrivals.accepted({ ...known, open });
    else
      new ProxyArrival(core, open, ({ entrance, ...announced }) =>
        core.arrivals.accepted({ ...known, ...announced, open: (owner) => entrance.handTo(owner) }),
      ).start();
  };
  return {
    server: createTcpServer((stream) => arrived((owner) => core.arrivals.take(stream, owner), stream)),
    tlsServer: undefined,
    shortcut: pastSockets(core.engine, (open) => arrived(open)),
  };
}

function tlsPort<UserData>(core: ServerCore<UserData>, tls: TlsOptions): OwnPort {
  const entry = createTlsServer(core, tls, ({ socket, ...known }) =>
    core.arrivals.accepted({ ...known, socket, open: (owner) => core.arrivals.take(socket, owner) }),
  );
  const { server: tlsServer } = entry;
  const server =
    core.options.proxyProtocol === false
      ? tlsServer
      : createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS }, (socket) =>
          new ProxyArrival(
            core,
            (owner) => new Entrance(socket, owner),
            ({ entrance, rest, ...known }) => entry.secure(entrance.release(rest), known),
          ).start(),
        );
  return { server, tlsServer, shortcut: pastTlsStreams(core.engine) };
}
