import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A TCP proxy in front of a broker that a test lets change or swallow what the server sends. */
export interface Proxy {
  readonly port: number;
  /** Connections that were accepted so far. */
  readonly count: number;
  /** Ends all connections. */
  cut(): void;
  /** Reads nothing more from the server, so that its buffers fill. New connections work. */
  stall(): void;
  /** Reads again after `stall`. */
  go(): void;
}

/** Whether a chunk of the server begins with a message of a channel. */
export const isArrival = (chunk: Buffer): boolean =>
  /^[*>]\d\r\n\$7\r\nmessage\r\n/.test(chunk.subarray(0, 20).toString('latin1'));

/**
 * @param port Of the server; a function is asked for each connection.
 * @param change What the client gets instead of a chunk of the server; `undefined` for nothing. It may pause the server's socket.
 */
export async function proxyTo(
  t: TestContext,
  port: number | (() => number),
  change: (chunk: Buffer, far: Socket) => Buffer | undefined = (chunk) => chunk,
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const ofServer = new Set<Socket>();
  let count = 0;
  const listener = createServer((near) => {
    count++;
    const far = connect({ port: typeof port === 'number' ? port : port(), host: '127.0.0.1' });
    ofServer.add(far);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        other.destroy();
        sockets.delete(socket);
        ofServer.delete(socket);
      });
    }
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => {
      const changed = change(chunk, far);
      if (changed !== undefined) near.write(changed);
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return {
    port: (listener.address() as AddressInfo).port,
    get count() {
      return count;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    stall() {
      for (const socket of ofServer) socket.pause();
    },
    go() {
      for (const socket of ofServer) socket.resume();
    },
  };
}
