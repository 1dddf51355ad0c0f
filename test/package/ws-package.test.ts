import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import hawser from '../../src/ws/index.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const DEPENDANTS = join(ROOT, 'test', 'ws', 'dependants');
const JEST = join(ROOT, 'tools', 'toolchains', 'node_modules', 'jest', 'bin', 'jest.js');

/** A project in which the packed package replaces ws. A library of it has a dependency on ws 8.18, and one on 8.21.0. */
let folder: string;

function npm(cwd: string, ...args: string[]): string {
  const path = process.env['npm_execpath'];
  const { status, stdout, stderr } =
    path === undefined
      ? spawnSync('npm', args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' })
      : spawnSync(process.execPath, [path, ...args], { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Runs Node in the project. @returns What it printed. */
function node(...argv: string[]): string {
  // The ws of test/ws/dependants consists of empty classes then; that of this project has no such switch.
  const env = { ...process.env, EMPTY_WS: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, {
    cwd: folder,
    encoding: 'utf8',
    env,
  });
  assert.equal(status, 0, stdout + stderr);
  return stdout + stderr;
}

function write(path: string, content: string | object): void {
  writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'hawser-ws-package-'));
  const pack = (path: string): string => {
    const known = new Set(readdirSync(folder));
    npm(path, 'pack', '--ignore-scripts', '--silent', '--pack-destination', folder);
    return `file:./${readdirSync(folder).find((name) => name.endsWith('.tgz') && !known.has(name))!}`;
  };
  for (const [name, range] of [
    ['ranged', '^8.18.0'],
    ['exact', '8.21.0'],
  ] as const) {
    mkdirSync(join(folder, name));
    write(join(name, 'package.json'), { name, version: '1.0.0', dependencies: { ws: range } });
    write(join(name, 'index.js'), "module.exports = require('ws');");
  }
  const dependencies = {
    hawser: pack(ROOT),
    ws: pack(join(ROOT, 'build', 'ws-package')),
    ranged: pack(join(folder, 'ranged')),
    exact: pack(join(folder, 'exact')),
  };
  write('package.json', { private: true, type: 'commonjs', dependencies, overrides: { ws: '$ws' } });
  npm(folder, 'install', '--offline', '--no-audit', '--no-fund', '--silent');
});
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

test('CD-04: an override gives every library of a project the one copy of the package', () => {
  const { dependencies } = JSON.parse(npm(folder, 'ls', 'ws', '--all', '--json')) as {
    readonly dependencies: Readonly<
      Record<
        string,
        { readonly version: string; readonly dependencies?: Record<string, { version: string }> }
      >
    >;
  };
  assert.equal(dependencies['ws']!.version, '8.23.0');
  for (const name of ['ranged', 'exact']) {
    assert.equal(dependencies[name]!.dependencies!['ws']!.version, '8.23.0');
    assert.equal(existsSync(join(folder, 'node_modules', name, 'node_modules')), false);
  }
});

test('CD-04: import and require of the package are the classes of hawser/ws', () => {
  write(
    'program.mjs',
    `import { createRequire } from 'node:module';
    import Default, * as ws from 'ws';
    import * as door from 'hawser/ws';
    const require = createRequire(import.meta.url);
    const same = Object.keys(door).filter((name) => name !== 'module.exports').every((name) => ws[name] === door[name]);
    console.log(same, [require('ws'), require('ranged'), require('exact')].every((one) => one === Default && one === door.default));
    const server = new Default.Server({ port: 0, host: '127.0.0.1' }, () => {
      const client = new ws.WebSocket('ws://127.0.0.1:' + server.address().port);
      client.on('message', (data) => { console.log(String(data)); client.close(); server.close(); });
    });
    server.on('connection', (socket) => socket.send('hello'));`,
  );
  assert.equal(node('--no-warnings', 'program.mjs'), 'true true\nhello\n');
});

test('CD-04: the types of the package are those of hawser/ws, for import and for require', () => {
  symlinkSync(join(ROOT, 'node_modules', '@types'), join(folder, 'node_modules', '@types'), 'junction');
  write(
    'a.mts',
    `import WebSocket, { WebSocketServer } from 'ws'; const a: WebSocket = new WebSocket('ws://a'); void [a, WebSocketServer];`,
  );
  write(
    'b.cts',
    `import WebSocket = require('ws'); const a: WebSocket = new WebSocket('ws://a'); new WebSocket.Server({ port: 0 }); void a;
    // @ts-expect-error
    a.readyState = 3;`,
  );
  const compilerOptions = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
  };
  write('tsconfig.json', { compilerOptions, files: ['a.mts', 'b.cts'] });
  assert.equal(node(join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'), '');
});

test('CD-04: Jest loads the package without configuration', {
  skip: existsSync(JEST) ? false : 'needs Jest: npm ci --prefix tools/toolchains',
}, () => {
  write(
    'door.test.js',
    `const WebSocket = require('ws');
    test('a server and a client', async () => {
      expect(require('ranged')).toBe(WebSocket);
      const server = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
      await new Promise((resolve) => server.once('listening', resolve));
      server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
      const client = new WebSocket('ws://127.0.0.1:' + server.address().port);
      client.on('open', () => client.send('from Jest'));
      const message = await new Promise((resolve) => client.on('message', resolve));
      expect(message).toBeInstanceOf(Buffer);
      expect(String(message)).toBe('from Jest');
      expect(client).toBeInstanceOf(WebSocket);
      client.close();
      await new Promise((resolve) => server.close(resolve));
    });`,
  );
  const said = node(JEST, '--rootDir', folder, '--testMatch', '**/door.test.js');
  assert.match(said, /Tests: +1 passed, 1 total/);
});

test('CD-04: Socket.IO runs on the packed package', {
  skip: existsSync(join(DEPENDANTS, 'node_modules', 'socket.io'))
    ? false
    : 'needs npm ci --prefix test/ws/dependants',
}, () => {
  const modules = join(folder, 'node_modules');
  for (const name of readdirSync(join(DEPENDANTS, 'node_modules')))
    if (!name.startsWith('.') && !existsSync(join(modules, name)))
      symlinkSync(join(DEPENDANTS, 'node_modules', name), join(modules, name), 'junction');
  copyFileSync(join(DEPENDANTS, 'socket-io.mjs'), join(folder, 'socket-io.mjs'));
  // Links keep their path, so that the packages find the ws of this project.
  assert.equal(node('--preserve-symlinks', '--preserve-symlinks-main', 'socket-io.mjs'), 'ok\n');
});

const otherCopy = (): typeof hawser =>
  createRequire(import.meta.url)(join(ROOT, 'build', 'package', 'ws.cjs')) as typeof hawser;

test('CD-04: instanceof holds across copies of the package, and subclasses are as usual', () => {
  const copy = otherCopy();
  assert.notEqual(copy, hawser);
  class Own extends hawser {}
  class OwnServer extends hawser.WebSocketServer {}
  const foreign = new copy(null);
  assert.ok(foreign instanceof hawser && new hawser(null) instanceof copy);
  assert.ok(new Own(null) instanceof hawser && new Own(null) instanceof Own && new Own(null) instanceof copy);
  assert.equal(foreign instanceof Own, false);
  assert.equal(new hawser(null) instanceof Own, false);
  const server = new copy.WebSocketServer({ noServer: true });
  assert.ok(server instanceof hawser.Server && new OwnServer({ noServer: true }) instanceof copy.Server);
  assert.equal(server instanceof OwnServer, false);
  for (const value of [undefined, null, 1, {}, hawser, server, 'ws'])
    assert.equal(value instanceof hawser, false);
});

test('CD-04: a stream of one copy of the package takes a WebSocket of another', async (t) => {
  const copy = otherCopy();
  const server = new hawser.WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.after(() => server.close());
  const received = new Promise<string>((resolve) => {
    server.on('connection', (socket) =>
      socket.once('message', (data) => resolve((data as Buffer).toString())),
    );
  });
  await once(server, 'listening');
  const client = new hawser(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => client.terminate());
  copy.createWebSocketStream(client).end('through a copy');
  assert.equal(await received, 'through a copy');
});
