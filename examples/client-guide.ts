// The code of docs/client.md, run against its own server and proxy.
import { createServer } from 'node:http';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { refuse, WebSocketServer } from 'hawser';
import { connect, ConnectError, type ConnectTarget, WebSocket } from 'hawser/client';

const server = new WebSocketServer({
  protocols: ['chat.v1'],
  upgrade: ({ request }) =>
    request.headers['authorization'] === 'Bearer secret' || request.url.pathname === '/open'
      ? undefined
      : refuse(401, { body: 'Who are you?', headers: { 'www-authenticate': 'Bearer' } }),
});
server.on('message', (connection, message) => {
  connection.send(message);
});
const { port } = await server.listen(0, '127.0.0.1');
const url = `ws://127.0.0.1:${port}/open`;

async function loop(): Promise<void> {
  const connection = await connect(url, { protocols: ['chat.v1'] });
  connection.send('Hello');
  for await (const message of connection) {
    console.log(connection.protocol, message); // text as string, binary as Buffer
    connection.close(1000, 'done');
  }
  const { code, wasClean, cause } = await connection.closed;
  console.log(code, wasClean, cause);
}

async function failing(): Promise<void> {
  const secret = new URL('/secret', url);
  try {
    await connect(secret);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error; // a mistake in the call, or an abort
    console.log(error.code, error.phase, error.status, error.body.toString());
  }
  await using connection = await connect(secret, { headers: { Authorization: 'Bearer secret' } });
  console.log(connection.state); // at the end of the block it closes, and waits for that
}

async function givingUp(): Promise<void> {
  const signal = AbortSignal.timeout(60_000); // or the signal of a button
  const connection = await connect(url, { connectTimeoutMs: 3_000, signal });
  connection.terminate(); // without a closing handshake
  await connection.closed;
}

/** A proxy that opens every tunnel. */
async function startProxy(): Promise<() => void> {
  const proxy = createServer();
  proxy.on('connect', (request, socket: Duplex) => {
    const [host = '', tunnelPort] = request.url!.split(':');
    const target = connectTcp(Number(tunnelPort), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(target).pipe(socket);
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  process.env['HTTPS_PROXY'] = `http://ann:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return () => void proxy.close();
}

async function throughProxy(): Promise<void> {
  const stopProxy = await startProxy();
  const proxy = process.env['HTTPS_PROXY']; // http://ann:secret@proxy.corp.example:3128
  const connection = await connect(url, { proxy });
  const { response } = connection;
  console.log(response?.status, response?.headers.get('x-node'), response?.headers.getSetCookie());
  connection.close();
  await connection.closed;
  stopProxy();
}

async function throughSocks(): Promise<void> {
  const socks = { connect: (target: ConnectTarget): Duplex => connectTcp(target) };
  const connection = await connect(url, {
    createConnection: (target) => socks.connect(target), // a Duplex, or a promise of one
  });
  console.log(connection.state);
  connection.close();
  await connection.closed;
}

async function sendingMuch(): Promise<void> {
  const connection = await connect(url);
  connection.pause(); // do not read the echo yet
  for (let i = 0; i < 1_000; i++) {
    if (!connection.send(`line ${i}`)) await connection.drained();
  }
  connection.resume();
  connection.on('message', (message) => {
    if (message === 'line 999') connection.close();
  });
  await connection.closed;
  console.log(connection.messagesSent, connection.messagesReceived);
}

async function asInBrowsers(): Promise<void> {
  const socket = new WebSocket(url, 'chat.v1', { headers: { 'X-Token': 'secret' } });
  socket.addEventListener('open', () => socket.send('Hello'));
  socket.addEventListener('message', ({ data }) => {
    console.log(socket.protocol, data); // text as string, binary as Blob or ArrayBuffer
    socket.close(1000, 'done');
  });
  await new Promise((resolve) => {
    socket.addEventListener('close', resolve);
  });
}

for (const step of [loop, failing, givingUp, throughProxy, throughSocks, sendingMuch, asInBrowsers])
  await step();
await server.shutdown();
