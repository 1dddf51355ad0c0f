import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join, relative, sep } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const SRC = join(import.meta.dirname, '../../src');
const INDEX = pathToFileURL(join(SRC, 'index.js')).href;

/** Prints the address of each module that is loaded. */
const HOOK = `
import { writeSync } from 'node:fs';
export async function load(url, context, next) {
  writeSync(1, url + '\\n');
  return next(url, context);
}`;
const REGISTER = `
import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HOOK)}));`;

/** The files of src/cluster that a program loads, after it imported `WebSocketServer` and `connect`. */
async function loaded(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    `data:text/javascript,${encodeURIComponent(REGISTER)}`,
    '--input-type=module',
    '--eval',
    `const { WebSocketServer, connect } = await import(${JSON.stringify(INDEX)});\n${program}`,
  ]);
  const files = stdout
    .split('\n')
    .filter((line) => line.startsWith('file:'))
    .map((url) => relative(SRC, fileURLToPath(url)).split(sep).join('/'));
  assert.ok(files.includes('server/websocket-server.js'), 'the list has modules of the server');
  assert.ok(!files.includes('observe/admin/process-facts.js'), 'only the admin port needs it');
  return files.filter((file) => file.startsWith('cluster/'));
}

const server = (options: string, more = ''): string => `
const server = new WebSocketServer(${options});
const { port } = await server.listen(0, '127.0.0.1');
const client = await connect('ws://127.0.0.1:' + port, { protocols: ${options}.protocols ?? [] });
for (const connection of server.connections) connection.subscribe('t');
await server.publish('t', 'x').relayed;
${more}
client.terminate();
await server.shutdown();`;

test('PF-14 GN-14 a server loads code of cluster/ only if an option needs it', async () => {
  assert.deepEqual(await loaded(server('{}')), []);
  assert.deepEqual(await loaded(server("{ protocols: ['chat'], requireOrigin: false }")), []);
  const calls = `
await server.cluster.stats();
await server.cluster.broadcast('x');
await server.cluster.subscriberCount('t');
await server.cluster.disconnect('none');
await server.cluster.nodes();`;
  assert.deepEqual(await loaded(server('{}', calls)), [], 'calls to all servers, of a server on its own');
  assert.deepEqual(await loaded("new WebSocketServer({ history: { match: '*' } });"), [], 'at the first use');

  const history = await loaded(server("{ history: { match: '*' } }"));
  assert.ok(history.includes('cluster/cluster-node.js'));
  assert.deepEqual(
    history.filter((file) => file.startsWith('cluster/hawser-v1/')),
    [],
  );
  assert.ok((await loaded(server("{ presence: { match: '*' } }"))).includes('cluster/cluster-node.js'));

  const wire = await loaded(server("{ protocols: ['hawser.v1'] }"));
  assert.ok(wire.includes('cluster/cluster-node.js'));
  assert.ok(wire.includes('cluster/hawser-v1/session.js'));
});
