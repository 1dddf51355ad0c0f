import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import process from 'node:process';
import { WebSocketServer } from '../../src/index.ts';
import { RawClient, text, waitForEvent } from '../../src/testing/index.ts';

// Run with few file descriptors: takes them all, knocks, gives them back, knocks again, and says what became of it.
if (process.send !== undefined) {
  const server = new WebSocketServer();
  server.on('error', () => undefined);
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  const old = await RawClient.connect({ port });
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
  const unlucky = connect({ port, host: '127.0.0.1' });
  unlucky.on('error', () => undefined);
  await waitForEvent(unlucky, 'close');
  const during = await echo();
  for (const fd of taken) closeSync(fd);
  const next = await RawClient.connect({ port });
  const { status } = await next.upgrade();
  process.send({ taken: taken.length, during, after: await echo(), status, now: server.connections.size });
  next[Symbol.dispose]();
  old[Symbol.dispose]();
  await server.shutdown({ timeoutMs: 1_000 });
  process.disconnect();
}
