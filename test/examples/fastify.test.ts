import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { METRICS_TYPE } from '../../src/observe/index.ts';
import { ask, runExample, statusOf } from './run-example.ts';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'examples', 'fastify');
const installed = existsSync(join(FOLDER, 'node_modules', 'fastify'));
const peer = { skip: installed ? false : 'needs the package fastify: npm ci --prefix examples/fastify' };

test(
  'EX-01 MT-01 Fastify: requests, metrics and sockets share one port and shut down together',
  peer,
  async (t) => {
    const example = await runExample(t, 'fastify/server.js');
    const client = await example.join({ path: '/live' });
    assert.equal(await (await example.fetch('/')).text(), '1 connected');
    assert.equal(await ask(client, 'ahoy'), 'ahoy');
    const ready = await example.fetch('/readyz');
    assert.deepEqual([ready.status, await ready.json()], [200, { ready: true, reasons: [] }]);
    const metrics = await example.fetch('/metrics');
    assert.equal(metrics.headers.get('content-type'), METRICS_TYPE);
    assert.match(await metrics.text(), /^hawser_messages_received_total\{kind="text"\} 1$/m);
    assert.equal(await statusOf(example, { path: '/elsewhere' }), 404);
    if (process.platform === 'win32') return; // on Windows a signal kills the process
    example.child.kill('SIGTERM');
    const { opcode, payload } = await client.nextFrame();
    assert.deepEqual([opcode, payload.readUInt16BE()], [8, 1001]);
    client[Symbol.dispose]();
    assert.deepEqual(await example.exit, [0, null]);
  },
);
