import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdminSnapshot } from '../../src/observe/index.ts';
import { RawClient } from '../../src/testing/index.ts';
import { fakeIo, served } from './fake-io.ts';
import { hawser } from './talking.ts';

const TOKEN = 'sixteen-or-more-characters';

test('CM-11 MT-03: top shows the server of serve --admin-port, and refuses to without its token', async (t) => {
  const server = await served('--admin-port', '0', '--admin-token', TOKEN);
  t.after(() => server.stop());
  const admin = /admin page is on (\S+)/.exec(server.io.outLines.join('\n'))?.[1] ?? assert.fail('no URL');
  const client = await RawClient.connect({ port: server.port });
  t.after(() => client[Symbol.dispose]());
  assert.equal((await client.upgrade()).status, 101);

  const json = fakeIo();
  assert.equal(await hawser(json, 'top', `${admin}#token=${TOKEN}`, '--once', '--json', '--sort', 'age'), 0);
  const snapshot = JSON.parse(json.outLines[0]!) as AdminSnapshot;
  assert.equal(snapshot.readiness.ready, true);
  assert.deepEqual(snapshot.connections.view, { sort: 'age', limit: 50, filter: '' });
  const [row] = snapshot.connections.rows;
  assert.deepEqual(
    [row?.remoteAddress, row?.state, snapshot.gauges.connections.now],
    ['127.0.0.1', 'open', 1],
  );

  const text = fakeIo();
  assert.equal(await hawser(text, 'top', admin, '--token', TOKEN, '--once', '--filter', 'no such thing'), 0);
  assert.match(text.outLines.join('\n'), /READY[^]*\nConnections [^]*\n no connection fits the filter\n/);

  for (const [flags, sentence] of [
    [[], 'the admin port asks for a token'],
    [['--token', `${TOKEN}x`], 'the admin port does not accept this token'],
  ] as const) {
    const io = fakeIo();
    assert.equal(await hawser(io, 'top', admin, ...flags, '--once'), 1);
    assert.ok(io.errLines.join('\n').includes(sentence), io.errLines.join('\n'));
  }
});

test('CM-11: the port of the server itself is no admin port', async (t) => {
  const server = await served();
  t.after(() => server.stop());
  const io = fakeIo();
  assert.equal(await hawser(io, 'top', server.url.host, '--once'), 1);
  assert.match(io.errLines.join('\n'), /is not an admin port of Hawser/);
});
