// webpack-dev-server: its client is told of a build over a server of ws.
/* oxlint-disable typescript/no-base-to-string, typescript/restrict-template-expressions -- text arrives as a Buffer */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import webpack from 'webpack';
import WebpackDevServer from 'webpack-dev-server';
import { WebSocket } from 'ws';

const folder = mkdtempSync(join(tmpdir(), 'hawser-webpack-'));
// Also after a failure: a test runs this program where it must fail.
process.on('exit', () => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'entry.js'), 'console.log(1);\n');
const compiler = webpack({
  mode: 'development',
  context: folder,
  entry: './entry.js',
  output: { path: folder },
  infrastructureLogging: { level: 'none' },
  stats: 'none',
});
const server = new WebpackDevServer(
  { port: 0, host: '127.0.0.1', hot: true, webSocketServer: 'ws' },
  compiler,
);
await server.start();
const { port } = server.server.address();
const client = new WebSocket(`ws://127.0.0.1:${port}/ws`, { origin: `http://127.0.0.1:${port}` });
const types = [];
client.on('message', (data) => types.push(JSON.parse(data.toString()).type));
await once(client, 'open');
while (!types.includes('ok')) await once(client, 'message');
assert.ok(types.includes('hot') && types.includes('hash'), types.join());
const closed = once(client, 'close');
await server.stop();
await closed;
console.log('ok');
process.exit();
