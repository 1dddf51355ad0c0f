import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { fakeIo, served } from './fake-io.ts';

test('CM-04 MT-03: serve --metrics answers health, readiness and metrics on its port', async (t) => {
  const server = await served('--metrics');
  t.after(() => server.stop());
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${server.port}${path}`);
  assert.equal(await (await get('/healthz')).text(), 'ok\n');
  assert.deepEqual(await (await get('/readyz')).json(), { ready: true, reasons: [] });
  assert.match(await (await get('/metrics')).text(), /^hawser_connections_limit 10000$/m);
});

test('CM-04 LC-01: serve --load-control has a level', async (t) => {
  const server = await served('--metrics', '--load-control');
  t.after(() => server.stop());
  const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  assert.match(metrics, /^hawser_load_level [012]$/m);
});

for (const json of [false, true])
  test(`CM-04 MT-03: serve --admin-port prints the URL of the admin page${json ? ' as JSON' : ''}, and never the token`, async () => {
    const token = 'sixteen-or-more-characters';
    const flags = [
      '--admin-port',
      '0',
      '--admin-token',
      token,
      '--admin-actions',
      ...(json ? ['--json'] : []),
    ];
    const server = await served(...flags);
    const { outLines } = server.io;
    const url = json
      ? (JSON.parse(outLines[0]!) as { adminUrl: string }).adminUrl
      : /^The admin page is on (http:\S+\/)$/.exec(outLines[1] ?? '')?.[1];
    assert.ok(url !== undefined);
    assert.doesNotMatch(outLines.join('\n'), new RegExp(token));
    assert.match(await (await fetch(url)).text(), /^<!doctype html>/);
    assert.equal((await fetch(new URL('stats', url))).status, 401);
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await fetch(new URL('stats', url), { headers })).status, 200);
    const drained = await fetch(new URL('drain', url), { method: 'POST', headers });
    assert.equal(drained.status, 202);
    assert.equal(await server.stop(), 0);
  });

test('CM-04: flags of the admin port need the port, and a host that is not loopback needs a token', async () => {
  for (const [args, says] of [
    [['--admin-actions'], '--admin-actions needs a port: --admin-port <n>'],
    [['--admin-port', '70000'], '--admin-port is 70000; it must be a whole number from 0 to 65535'],
    [['--admin-port', '1', '--admin-token', 'short'], '--admin-token must be a string of 16 to 256'],
    [['--admin-port', '1', '--admin-host', '0.0.0.0'], 'unless --admin-token is set'],
  ] as const) {
    const io = fakeIo();
    assert.equal(await runCommandLine(['serve', ...args], io, '1.2.3'), 2, args.join(' '));
    assert.ok(io.errLines.join('\n').includes(says), io.errLines.join('\n'));
  }
});

test('CM-04 MT-03: an admin port in use is one sentence', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const io = fakeIo();
  assert.equal(await runCommandLine(['serve', '--port', '0', '--admin-port', String(port)], io, '1.2.3'), 1);
  assert.deepEqual(io.errLines, [
    `hawser: cannot open the admin port ${port}: the port is in use; choose another with --admin-port, or a free one with --admin-port 0`,
  ]);
});
