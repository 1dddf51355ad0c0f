// A client with Node's built-in WebSocket for an echo server. Prints its results as one line of JSON.
const [url] = process.argv.slice(2);
const next = (socket, name) =>
  new Promise((resolve) => {
    socket.addEventListener(name, resolve, { once: true });
  });
async function open(protocols) {
  const socket = new WebSocket(url, protocols);
  socket.binaryType = 'arraybuffer';
  const failed = next(socket, 'error').then(() => Promise.reject(new Error('no connection')));
  await Promise.race([next(socket, 'open'), failed]);
  return socket;
}
const answer = async (socket) => (await next(socket, 'message')).data;
async function closed(socket) {
  const { code, reason, wasClean } = await next(socket, 'close');
  return [code, reason, wasClean];
}

const socket = await open(['v1', 'v2']);
const seen = { protocol: socket.protocol, sizes: [] };
for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576]) {
  const bytes = new Uint8Array(size).fill(0xff);
  const text = 'é'.repeat(size / 2);
  let answered = answer(socket);
  socket.send(bytes);
  const binary = Buffer.from(await answered);
  answered = answer(socket);
  socket.send(text);
  seen.sizes.push([size, binary.equals(bytes), (await answered) === text]);
}
let end = closed(socket);
socket.close(4001, 'bye');
seen.closed = await end;

const other = await open([]);
end = closed(other);
other.send('close 4002 server');
seen.closedByServer = await end;
process.stdout.write(`${JSON.stringify(seen)}\n`);
