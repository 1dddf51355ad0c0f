import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { close, RawClient, waitUntil } from '../../src/testing/index.ts';
import { fakeIo, served } from './fake-io.ts';

for (const terminal of [true, false]) {
  test(`SD-07 CM-04 LG-02: serve prints the progress of a shutdown ${terminal ? 'as text at a terminal' : 'as JSON otherwise'}`, async (t) => {
    const io = fakeIo(terminal);
    const exit = runCommandLine(['serve', '--port', '0', '--shutdown-timeout-ms', '300'], io, '0.0.0');
    await waitUntil(() => io.outLines.length > 0);
    const port = Number(new URL(/ws:\S+/.exec(io.outLines[0]!)![0]).port);
    const clients: RawClient[] = [];
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.connect({ port });
      clients.push(client);
      t.after(() => client[Symbol.dispose]());
      await client.upgrade();
    }
    const stranger = await RawClient.connect({ port });
    t.after(() => stranger[Symbol.dispose]());
    assert.equal(
      (await stranger.upgrade({ headers: { Origin: 'https://evil.example\u009b31m' } })).status,
      403,
    );
    io.interrupt();
    clients[0]!.send(close(1001));
    clients[0]!.end();
    assert.equal(await exit, 0);
    const lines = io.errLines.map((line) =>
      line.replace(/\d\d:\d\d:\d\d\.\d{3}/, 'TIME').replaceAll(/\p{Cc}\[\d+m/gu, ''),
    );
    assert.equal(
      lines.some((line) => line.includes('\u009b')),
      false,
    );
    if (terminal) {
      assert.match(lines[0]!, /^TIME warn {2}handshake refused status=403 code=ERR_ORIGIN .*\\\\u\{9b\}31m/);
      assert.ok(lines.includes('closing: 3 of 3 connections left'), lines.join('\n'));
      assert.ok(lines.includes('aborted 2 connections that did not close'), lines.join('\n'));
      return;
    }
    const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      logged.map(({ level, text }) => `${String(level)} ${String(text)}`),
      ['info listening', 'warn handshake refused', 'info server closed'],
    );
    assert.deepEqual([logged[2]!['closed'], logged[2]!['forced']], [1, 2]);
  });
}

test('SD-07 CM-04: serve says at a terminal when the last connection has closed', async (t) => {
  const io = fakeIo(true);
  const exit = runCommandLine(['serve', '--port', '0'], io, '0.0.0');
  await waitUntil(() => io.outLines.length > 0);
  const port = Number(new URL(/ws:\S+/.exec(io.outLines[0]!)![0]).port);
  const client = await RawClient.connect({ port });
  t.after(() => client[Symbol.dispose]());
  await client.upgrade();
  io.interrupt();
  await waitUntil(() => io.errLines.length > 0);
  client.send(close(1001));
  client.end();
  assert.equal(await exit, 0);
  assert.deepEqual(io.errLines.slice(0, 2), ['closing: 1 of 1 connections left', 'connections closed: 1']);
});

test('SD-07 CM-02: --json prints the progress of a shutdown as events', async (t) => {
  const server = await served('--json');
  const client = await RawClient.connect({ port: server.port });
  t.after(() => client[Symbol.dispose]());
  await client.upgrade();
  const stopped = server.stop();
  const { open, closed, forced } = await server.event('shutdownProgress');
  assert.deepEqual([open, closed, forced], [1, 0, 0]);
  client.send(close(1001));
  client.end();
  assert.equal(await stopped, 0);
});
