import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

const HERE = join(import.meta.dirname, '..', '..', '..', 'test', 'ws');

/** A folder of programs with packages that depend on ws. */
interface Folder {
  readonly path: string;
  readonly skip: false | string;
}

function folderOf(name: string, oneOfThem: string): Folder {
  const path = join(HERE, name);
  return {
    path,
    skip: existsSync(join(path, 'node_modules', oneOfThem))
      ? false
      : `needs packages that depend on ws: npm ci --ignore-scripts --prefix test/ws/${name}`,
  };
}

const LIBRARIES = folderOf('dependants', 'socket.io');
const FRAMEWORKS = folderOf('frameworks', 'crossws');
/** 341 MB, so continuous integration does not install it. */
const NEXT = folderOf('nextjs', 'next');
const isLeftOut = NEXT.skip !== false && process.env['HAWSER_REQUIRE_PEERS'] === '1';

/** Runs one program with the packages; resolves with what it printed, errors included. */
function run(file: string, env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], { env: { ...process.env, ...env } });
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

for (const { path, skip } of [LIBRARIES, FRAMEWORKS, ...(isLeftOut ? [] : [NEXT])]) {
  test(`CD-02: every package in ${basename(path)} gets hawser/ws under the name ws`, { skip }, () => {
    const lock = JSON.parse(readFileSync(join(path, 'package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly link?: boolean }>>;
    };
    const copies = Object.keys(lock.packages).filter((name) => /(?:^|\/)node_modules\/ws$/.test(name));
    assert.deepEqual(copies, ['node_modules/ws']);
    assert.equal(lock.packages['node_modules/ws']!.link, true);
    const load = createRequire(join(path, 'package.json'));
    const ours = createRequire(import.meta.url)(
      join(HERE, '..', '..', 'build', 'package', 'ws.cjs'),
    ) as unknown;
    assert.equal(load('ws'), ours);
  });
}

for (const [{ path, skip }, programs] of [
  [
    LIBRARIES,
    [
      ['Socket.IO', 'socket-io.mjs'],
      ['graphql-ws', 'graphql-ws.mjs'],
      ['@fastify/websocket', 'fastify.mjs'],
      ['MQTT.js', 'mqtt.mjs'],
      ['Hocuspocus with Yjs', 'hocuspocus.mjs'],
      ['tRPC', 'trpc.mjs'],
    ],
  ],
  [
    FRAMEWORKS,
    [
      ['Express', 'express.mjs'],
      ['Hono', 'hono.mjs'],
      ['Nest', 'nest.mjs'],
      ['crossws', 'crossws.mjs'],
      ['y-websocket with its server', 'y-websocket.mjs'],
      ['the proxy of Vite', 'vite.mjs'],
      ['webpack-dev-server', 'webpack-dev-server.mjs'],
      ['puppeteer-core', 'puppeteer.mjs'],
      ['the Kubernetes client', 'kubernetes.mjs'],
    ],
  ],
  [NEXT, isLeftOut ? [] : [['Next.js with a custom server', 'nextjs.mjs']]],
] as const) {
  for (const [what, program] of programs) {
    test(`CD-02: ${what} runs on hawser/ws in the place of ws, and not on empty classes`, {
      skip,
    }, async () => {
      assert.equal(await run(join(path, program), {}), 'ok\n');
      assert.notEqual(await run(join(path, program), { EMPTY_WS: '1' }), 'ok\n');
    });
  }
}
