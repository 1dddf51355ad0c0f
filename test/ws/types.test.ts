import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const THEIRS = join(ROOT, 'test', 'ws', 'dependants', 'node_modules', '@types', 'ws', 'index.d.ts');
const skip = existsSync(THEIRS) ? false : 'needs @types/ws: npm ci --prefix test/ws/dependants';
const load = createRequire(import.meta.url);
const COMMONJS = join('package', 'types', 'ws', 'commonjs.d.ts');
const TSC = join(dirname(load.resolve('typescript/package.json')), 'bin', 'tsc');

/** Compiles a file; `ws` is @types/ws, and `hawser/ws` is the package. @returns What the compiler says. */
function compile(name: string, code: string): string {
  const folder = join(ROOT, 'build', `types-${name.replace('.', '-')}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "types-of-ws", "type": "module" }');
  writeFileSync(join(folder, name), code);
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2023', 'esnext.disposable'],
        noEmit: true,
        esModuleInterop: true,
        types: ['node'],
        typeRoots: [join(ROOT, 'node_modules', '@types')],
        paths: {
          ws: [THEIRS],
          'hawser/ws': [
            join(ROOT, 'build', name.endsWith('.cts') ? COMMONJS : join('src', 'ws', 'index.d.ts')),
          ],
        },
      },
      files: [name],
    }),
  );
  const { stdout } = spawnSync(process.execPath, [TSC, '-p', folder], { encoding: 'utf8' });
  return stdout;
}

test('CD-01: the types of hawser/ws can be assigned to those of @types/ws', { skip }, () => {
  const said = compile(
    'assign.ts',
    `
      import Ours, { WebSocketServer as OurServer, type RawData, createWebSocketStream } from 'hawser/ws';
      import Theirs, { WebSocketServer as TheirServer } from 'ws';
      declare const ours: Ours;
      export const toTheirs: Theirs = ours;
      declare const ourServer: OurServer;
      export const serverToTheirs: TheirServer = ourServer;
      ours.on('message', (data: RawData, isBinary) => void [data, isBinary satisfies boolean]);
      ours.on('close', (code, reason) => void [code.toFixed(), reason.readUInt8(0)]);
      ours.on('own', () => {});
      ours.onmessage = ({ data, target }) => void [data, target.readyState];
      ours.addEventListener('close', ({ code, reason, wasClean }) => void [code.toFixed(), reason.length, wasClean]);
      ours.send('text', (error?: Error) => void error);
      ours.send(Buffer.alloc(1), { binary: true, compress: false }, (error) => void error?.message);
      ourServer.on('connection', (socket, request) => void [socket.readyState, request.url]);
      class Own extends Ours { extra = 1; }
      const own = new OurServer<typeof Own>({ noServer: true, WebSocket: Own });
      own.on('connection', (socket) => void socket.extra.toFixed());
      class OwnServer extends OurServer {}
      new OwnServer({ port: 0, perMessageDeflate: { threshold: 1 }, verifyClient: (info: { origin: string }) => info.origin === '' });
      createWebSocketStream(new Ours('ws://a', ['b'], { headers: { c: 'd' } })).end();
      export type { RawData };
      export const statics = [Ours.Server, Ours.WebSocketServer, Ours.OPEN satisfies 1];
      export const event = (value: Ours.MessageEvent): Ours.Data => value.data;
      // @ts-expect-error
      ours.readyState = 3;
      // @ts-expect-error
      ours.binaryType = 'nonsense';
    `,
  );
  assert.equal(said, '');
});

test('CD-04: require of a CommonJS file has the types of the class', { skip }, () => {
  const said = compile(
    'common.cts',
    `
      import WebSocket = require('hawser/ws');
      import { WebSocketServer, type RawData } from 'hawser/ws';
      export const server: WebSocketServer = new WebSocketServer({ port: 0 });
      export const raw = (data: RawData): WebSocket.RawData => data;
      const socket = new WebSocket('ws://a');
      socket.on('message', (data: WebSocket.RawData) => void data);
      new WebSocket.Server({ port: 0 });
      new WebSocket.WebSocketServer({ port: 0 });
      WebSocket.createWebSocketStream(socket).end();
    `,
  );
  assert.equal(said, '');
});
