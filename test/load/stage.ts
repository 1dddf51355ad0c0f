import { createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { renderUpgrade } from '../../src/protocol/handshake/answer.ts';
import { leakCheck } from '../../src/testing/index.ts';
import { type FakeIo, fakeIo } from '../cli/fake-io.ts';

export type Report = Readonly<Record<string, unknown>> & {
  readonly messages: number;
  readonly connections: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly latencyMs: { readonly count: number; readonly p50: number; readonly p999: number } | null;
  readonly openingMs: { readonly count: number } | null;
  readonly lastRecipientMs: { readonly count: number } | null;
  readonly server: Readonly<Record<string, number | null>> | null;
};

export interface Run {
  readonly code: number;
  readonly report: Report;
  readonly io: FakeIo;
}

/** Short, because only counts matter. Long enough to count messages on a busy machine. */
export const SHORT = ['--json', '--duration-ms', '150', '--timeout-ms', '20000'];
export const QUICK = [...SHORT, '--warm-up-ms', '10'];
export const PATIENT = { deadlineMs: 20_000 };

export async function bench(args: readonly string[], io = fakeIo()): Promise<Run> {
  const code = await runCommandLine(['bench', ...args], io, '0.0.0');
  return { code, report: JSON.parse(io.outLines.find((line) => line.startsWith('{')) ?? '{}') as Report, io };
}

type Behaviour = 'echo' | 'relay' | 'silent';

export async function serverOf(
  t: TestContext,
  behaviour: Behaviour,
  options: ServerOptions = {},
): Promise<{ url: string; server: WebSocketServer }> {
  const leaks = leakCheck();
  const server = new WebSocketServer(options);
  server.on('message', (connection, message) => {
    if (behaviour === 'echo') connection.send(message);
    if (behaviour === 'relay') server.broadcast(message, { except: connection });
  });
  server.on('error', () => undefined);
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(async () => {
    await server.shutdown();
    await leaks.assertNothingLeft({ withinMs: 20_000 });
  });
  return { url: `${options.tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}/`, server };
}

export const connectionsOf = new Map<string, Set<Socket>>();

/** A TCP server. `answer` writes all bytes, from the response to the handshake on. */
export async function rawServer(
  t: TestContext,
  answer: (socket: Socket, key: string) => void,
): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (head) =>
      answer(socket, /Sec-WebSocket-Key: (\S+)/.exec(head.toString('latin1'))?.[1] ?? ''),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  const url = `ws://127.0.0.1:${port}/`;
  connectionsOf.set(url, sockets);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return url;
}

export const upgraded = (socket: Socket, key: string): void => {
  socket.write(renderUpgrade({ key, protocol: '', extensions: '' }), 'latin1');
};
