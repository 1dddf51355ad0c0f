// Bun's built-in server, for `--with-bun`. It uses the same protocol on stdin and stdout as the servers in bench/servers.
/* global Bun */
import process from 'node:process';
import { createInterface } from 'node:readline';

/** @param {(socket: any, message: any) => void} answer */
function listening(answer) {
  return Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (/** @type {any} */ request, /** @type {any} */ server) =>
      server.upgrade(request) ? undefined : new Response('', { status: 400 }),
    websocket: {
      maxPayloadLength: 16 * 1024 * 1024,
      open: (/** @type {any} */ socket) => socket.subscribe('all'),
      message: answer,
    },
  }).port;
}

const say = (/** @type {object} */ line) => void process.stdout.write(`${JSON.stringify(line)}\n`);
const lines = createInterface({ input: process.stdin });
lines.on('line', () => {
  Bun.gc(true);
  const { heapUsed, external, rss } = process.memoryUsage();
  say({ heapUsed, external, rss, longestMs: 0 });
});
lines.on('close', () => process.exit());
say({
  version: Bun.version,
  ports: {
    echo: listening((socket, message) => socket.send(message)),
    relay: listening((socket, message) => socket.publish('all', message)),
  },
});
