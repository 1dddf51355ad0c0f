import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'test', 'ws', 'dependants');
const skip = existsSync(join(FOLDER, 'node_modules', 'socket.io'))
  ? false
  : 'needs the packages that depend on ws: npm ci --prefix test/ws/dependants';

/** Runs one program with the packages; resolves with what it printed, errors included. */
function run(program: string, env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(FOLDER, program)], { env: { ...process.env, ...env } });
    let said = '';
    child.stdout.on('data', (data: Buffer) => (said += data.toString()));
    child.stderr.on('data', (data: Buffer) => (said += data.toString()));
    const timer = setTimeout(() => child.kill(), 60_000);
    child.on('close', () => {
      clearTimeout(timer);
      resolve(said);
    });
  });
}

test('CD-02: every package in the folder gets hawser/ws under the name ws', { skip }, () => {
  const lock = JSON.parse(readFileSync(join(FOLDER, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly link?: boolean }>>;
  };
  const copies = Object.keys(lock.packages).filter((path) => /(?:^|\/)node_modules\/ws$/.test(path));
  assert.deepEqual(copies, ['node_modules/ws']);
  assert.equal(lock.packages['node_modules/ws']!.link, true);
  const load = createRequire(join(FOLDER, 'package.json'));
  const ours = createRequire(import.meta.url)(
    join(FOLDER, '..', '..', '..', 'build', 'package', 'ws.cjs'),
  ) as unknown;
  assert.equal(load('ws'), ours);
});

for (const { what, program } of [
  { what: 'Socket.IO', program: 'socket-io.mjs' },
  { what: 'graphql-ws', program: 'graphql-ws.mjs' },
  { what: '@fastify/websocket', program: 'fastify.mjs' },
  { what: 'MQTT.js', program: 'mqtt.mjs' },
  { what: 'Hocuspocus with Yjs', program: 'hocuspocus.mjs' },
  { what: 'tRPC', program: 'trpc.mjs' },
]) {
  test(`CD-02: ${what} runs on hawser/ws in the place of ws, and not on empty classes`, {
    skip,
  }, async () => {
    assert.equal(await run(program, {}), 'ok\n');
    assert.notEqual(await run(program, { EMPTY_WS: '1' }), 'ok\n');
  });
}
