import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect, WebSocketServer } from '../../../src/index.ts';

const skip = process.platform === 'win32' && 'named pipes leave no file';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hawser-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('EV-02 listen replaces the socket file that a killed process has left', { skip }, async (t) => {
  const path = join(await folder(t), 'app.sock');
  const child = fork(fileURLToPath(new URL('./stale-socket-child.js', import.meta.url)), [path]);
  await once(child, 'message');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok((await stat(path)).isSocket(), 'the file is still there');
  const server = new WebSocketServer();
  t.after(() => server.shutdown());
  assert.equal(await server.listen({ path }), path);
  const connection = await connect(`ws+unix:${path}:/`);
  connection.close();
  await connection.closed;
});

test('EV-02 listen does not replace a Unix socket on which a server listens, nor a file that is not a socket', {
  skip,
}, async (t) => {
  const path = join(await folder(t), 'app.sock');
  const first = new WebSocketServer();
  t.after(() => first.shutdown());
  await first.listen({ path });
  const second = new WebSocketServer();
  t.after(() => second.shutdown());
  await assert.rejects(second.listen({ path }), { code: 'EADDRINUSE' });
  const connection = await connect(`ws+unix:${path}:/`);
  connection.close();
  await connection.closed;

  const file = `${path}.txt`;
  await writeFile(file, 'notes');
  await assert.rejects(second.listen({ path: file }), { code: 'EADDRINUSE' });
  assert.ok((await stat(file)).isFile());
});
