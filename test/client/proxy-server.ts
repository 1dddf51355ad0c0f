import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { atEnd } from './live.ts';

/** An HTTP proxy that opens every tunnel to this machine, whatever the requested host. */
export interface TunnelProxy {
  readonly url: string;
  readonly port: number;
  /** Request heads, in order. */
  readonly heads: readonly string[];
}

export interface TunnelProxyOptions {
  /** Required value of `Proxy-Authorization`. Default: no credentials required. */
  readonly authorization?: string;
  /** TLS options of the proxy itself; plain TCP without them. */
  readonly tls?: TlsOptions;
  /** Bytes written right after the 200, in the same packet. */
  readonly early?: Buffer;
  /** Writes a response instead of opening the tunnel. */
  readonly answer?: (socket: Socket) => void;
}

export async function tunnelProxy(t: TestContext, options: TunnelProxyOptions = {}): Promise<TunnelProxy> {
  const { authorization, tls, early = Buffer.alloc(0), answer } = options;
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const kept = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => undefined);
  };
  const asked = (socket: Socket, head: string): void => {
    heads.push(head);
    const port = Number(/^CONNECT \S*:(\d+) HTTP\/1\.1\r\n/.exec(head)?.[1] ?? 0);
    const given = /^Proxy-Authorization: (.*)\r$/m.exec(head)?.[1];
    if (answer !== undefined) answer(socket);
    else if (port === 0) socket.end('HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n');
    else if (given !== authorization) {
      const fields = 'Proxy-Authenticate: Basic realm="test"\r\nContent-Length: 11\r\n';
      socket.end(`HTTP/1.1 407 Proxy Authentication Required\r\n${fields}\r\nWho are you`);
    } else {
      const target = kept(connect(port, '127.0.0.1'));
      target.once('connect', () => {
        const opened = 'HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\n';
        socket.write(Buffer.concat([Buffer.from(opened), early]));
        socket.pipe(target).pipe(socket);
        socket.once('close', () => target.destroy());
        target.once('close', () => socket.destroy());
      });
    }
  };
  const accepted = (socket: Socket): void => {
    let head = '';
    const read = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.endsWith('\r\n\r\n')) return;
      socket.off('data', read);
      asked(socket, head);
    };
    kept(socket).on('data', read);
  };
  const server = tls === undefined ? createServer(accepted) : createTlsServer(tls, accepted);
  server.on('tlsClientError', () => undefined);
  atEnd(t, async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, port, heads };
}
