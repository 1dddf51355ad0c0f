import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { nextText } from '../server/live.ts';
import { ask, runExample, statusOf } from './run-example.ts';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'examples', 'express');
const installed = existsSync(join(FOLDER, 'node_modules', 'express'));
const peer = { skip: installed ? false : 'needs the package express: npm ci --prefix examples/express' };

test(
  'EX-01 MT-01 RT-02 Express: requests and sockets share one port and shut down together',
  peer,
  async (t) => {
    const example = await runExample(t, 'express/server.js');
    const client = await example.join({ path: '/live' });
    assert.equal(await (await example.fetch('/')).text(), '1 connected');
    assert.equal(await ask(client, 'ahoy'), 'ahoy');
    const ready = await example.fetch('/readyz');
    assert.deepEqual([ready.status, await ready.json()], [200, { ready: true, reasons: [] }]);
    const metrics = await example.fetch('/metrics');
    // Express sorts the parameters.
    assert.equal(metrics.headers.get('content-type'), 'text/plain; charset=utf-8; version=0.0.4');
    assert.match(await metrics.text(), /^hawser_messages_received_total\{kind="text"\} 1$/m);
    const headers = { 'content-type': 'text/plain' };
    const posted = await example.fetch('/news', { method: 'POST', body: 'noon', headers });
    assert.deepEqual(await posted.json(), { sent: 1, skipped: 0, failed: 0 });
    assert.equal(await nextText(client), 'noon');
    assert.equal(await statusOf(example, { path: '/elsewhere' }), 404);
    assert.equal((await example.fetch('/elsewhere')).status, 404);
    if (process.platform === 'win32') return; // on Windows a signal kills the process
    example.child.kill('SIGTERM');
    const { opcode, payload } = await client.nextFrame();
    assert.deepEqual([opcode, payload.readUInt16BE()], [8, 1001]);
    client[Symbol.dispose]();
    assert.deepEqual(await example.exit, [0, null]);
  },
);
