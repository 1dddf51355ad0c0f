import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import process from 'node:process';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import { WebSocketServer } from '../../../src/index.ts';
import { RawClient, text, waitForEvent } from '../../../src/testing/index.ts';

// Run with few file descriptors: takes them all, knocks, gives them back, knocks again, and says what became of it.
if (process.send !== undefined) {
  const [kind = 'tcp', path = ''] = process.argv.slice(2);
  const lines: unknown[] = [];
  const quiet = (): void => undefined;
  const logger = {
    debug: quiet,
    info: quiet,
    warn: quiet,
    error: (fields: { err?: NodeJS.ErrnoException }) => void lines.push(fields.err?.code),
  };
  const certified = selfSigned(['localhost'], Date.now());
  const server = new WebSocketServer({ logger, ...(kind === 'tls' ? { tls: certified } : {}) });
  const errors: unknown[] = [];
  server.on('error', (error) => void errors.push(Reflect.get(error, 'code')));
  server.on('message', (connection, message) => void connection.send(message));
  const where = kind === 'unix' ? { path } : { port: 0, host: '127.0.0.1' };
  const address = await server.listen(where as { path: string });
  const target =
    kind === 'unix' ? { path } : { host: '127.0.0.1', port: (address as unknown as AddressInfo).port };
  const dial = async (): Promise<RawClient> => {
    const socket = connect(target as { path: string });
    if (kind !== 'tls') {
      await waitForEvent(socket, 'connect');
      return RawClient.over(socket);
    }
    const secured = connectTls({ socket, ca: certified.cert, servername: 'localhost' });
    await waitForEvent(secured, 'secureConnect');
    return RawClient.over(secured);
  };
  const old = await dial();
  await old.upgrade();
  const echo = async (): Promise<string> => {
    old.send(text('still here'));
    return (await old.nextFrame()).payload.toString();
  };
  await echo();
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    // One for the client that knocks, none for the server.
    closeSync(taken.pop()!);
  }
  const unlucky = connect(target as { path: string });
  unlucky.on('error', () => undefined);
  await waitForEvent(unlucky, 'close');
  // The socket of the client has given its descriptor back.
  taken.push(openSync('/dev/null', 'r'));
  const during = await echo();
  while (errors.length === 0) await waitForEvent(server, 'error').catch(() => undefined);
  const counted = server.stats().acceptFailures;
  for (const fd of taken) closeSync(fd);
  const next = await dial();
  const { status } = await next.upgrade();
  process.send({
    taken: taken.length,
    during,
    after: await echo(),
    status,
    now: server.connections.size,
    lines,
    errors,
    counted,
  });
  next[Symbol.dispose]();
  old[Symbol.dispose]();
  await server.shutdown({ timeoutMs: 1_000 });
  process.disconnect();
}
