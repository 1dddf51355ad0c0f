// An echo client with a library for Node: `hawser`, `ws`, `faye-websocket` or `websocket`. Reconnects to the URL until a Close
// with code 4321.
import process from 'node:process';

const [name, url = ''] = process.argv.slice(2);
/** Concurrent connections. */
const LOOPS = 4;

/** @returns {Promise<() => Promise<number | undefined>>} A function that connects, echoes, and resolves with the close code. */
async function client() {
  if (name === 'hawser') {
    const { connect } = await import('../../build/src/client/index.js');
    return async () => {
      const connection = await connect(url, { perMessageDeflate: true });
      connection.on('message', (message) => connection.send(message));
      return (await connection.closed).code;
    };
  }
  if (name === 'ws') {
    const { WebSocket } = await import('ws');
    return () =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, { perMessageDeflate: true });
        socket.on('error', () => undefined);
        socket.on('message', (data, binary) => socket.send(data, { binary }));
        socket.on('close', resolve);
      });
  }
  if (name === 'faye-websocket') {
    const { default: faye } = await import('faye-websocket');
    return () =>
      new Promise((resolve) => {
        const socket = new faye.Client(url);
        socket.on('message', ({ data }) => socket.send(data));
        socket.on('close', ({ code }) => resolve(code));
      });
  }
  if (name === 'websocket') {
    const { default: websocket } = await import('websocket');
    return () =>
      new Promise((resolve) => {
        const socket = new websocket.client();
        socket.on('connectFailed', () => resolve(undefined));
        socket.on('connect', (connection) => {
          connection.on('error', () => undefined);
          connection.on('close', resolve);
          connection.on('message', (message) => {
            if (message.type === 'utf8') connection.sendUTF(message.utf8Data);
            else connection.sendBytes(message.binaryData);
          });
        });
        socket.connect(url);
      });
  }
  throw new Error(`unknown client '${name}'`);
}

const visit = await client();
await Promise.all(
  Array.from({ length: LOOPS }, async () => {
    while ((await visit().catch(() => undefined)) !== 4_321);
  }),
);
process.exit();
