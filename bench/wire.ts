import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import type { WebSocketServer } from '../src/index.ts';
import { EXAMPLE_KEY } from '../src/testing/index.ts';

/** A socket whose peer sends what it is told to, and reads everything. */
export class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

/** A connection of `server` without a network. */
export async function join(server: WebSocketServer): Promise<Wire> {
  const fields = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': EXAMPLE_KEY,
    'Sec-WebSocket-Version': '13',
  };
  const request = { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: Object.entries(fields).flat() };
  const wire = new Wire();
  await server.handleUpgrade(request as unknown as IncomingMessage, wire, Buffer.alloc(0));
  return wire;
}

export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The value that a tenth of the sorted values lies below: interruptions only make a window longer. */
export const low = (values: number[]): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 10)]!;
