import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type CloseInfo, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { TRANSPORT } from '../server/transport.ts';

export interface EchoServer {
  readonly server: WebSocketServer;
  readonly url: string;
  readonly port: number;
  /** Ends of connections, in order. */
  readonly closes: readonly CloseInfo[];
  readonly nextClose: () => Promise<CloseInfo>;
}

/**
 * An echo server for other implementations. On the text `close <code> <reason>` the server closes; on `ping <text>` it pings.
 * Shuts down after the test and checks that nothing is left.
 */
export async function echoServer(t: TestContext, options: ServerOptions = {}): Promise<EchoServer> {
  const server = new WebSocketServer({ ...TRANSPORT, allowedOrigins: '*', ...options });
  const closes: CloseInfo[] = [];
  let seen = 0;
  server.on('close', (_, info) => void closes.push(info));
  server.on('message', (connection, message) => {
    const [command, first = '', ...rest] = typeof message === 'string' ? message.split(' ', 3) : [];
    if (command === 'close') connection.close(Number(first), rest.join(' '));
    else if (command === 'ping') connection.ping(first);
    else connection.send(message);
  });
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(async () => {
    const { forced } = await server.shutdown({ timeoutMs: 10_000 });
    assert.equal(forced, 0, 'a client did not close');
    assert.equal(server.connections.size, 0);
  });
  return {
    server,
    port,
    url: `ws://127.0.0.1:${port}/`,
    closes,
    nextClose: async () => {
      const at = seen++;
      return (await waitUntil(() => closes[at], { deadlineMs: 20_000, description: 'a close' }))!;
    },
  };
}
