import type { TestContext } from 'node:test';
import { type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { runCommandLine } from '../../src/cli/commands.ts';
import type { FakeIo } from './fake-io.ts';

/** Starts a server for the command line to connect to. It shuts down when the test ends. */
export async function server(t: TestContext, options: ServerOptions = {}) {
  const made = new WebSocketServer(options);
  t.after(() => made.shutdown({ timeoutMs: 1_000 }));
  const { port } = await made.listen(0, '127.0.0.1');
  return { server: made, port, url: `ws://127.0.0.1:${port}/` };
}

export async function echo(t: TestContext, options: ServerOptions = {}) {
  const made = await server(t, options);
  made.server.on('message', (connection, message) => {
    connection.send(message);
  });
  return made;
}

/** Runs a command line. @returns Its exit code. */
export const hawser = (io: FakeIo, ...args: string[]): Promise<number> => runCommandLine(args, io, '0.0.0');
