// Sends the number of lines that a client asks for, no faster than the client reads them. At most about 256 KiB are buffered,
// for any number of lines and any slow client.
import process from 'node:process';
import { type Connection, WebSocketServer } from 'hawser';

function* lines(count: number): Generator<string> {
  for (let i = 1; i <= count; i++) yield `line ${i} of ${count} `.padEnd(1_000, '.');
}

/** @returns The maximum of buffered bytes. */
async function produce(connection: Connection, source: Iterable<string>): Promise<number> {
  let mostBytes = 0;
  for (const line of source) {
    const goOn = connection.send(line);
    mostBytes = Math.max(mostBytes, connection.bufferedBytes);
    if (goOn) continue;
    await connection.drained().catch(() => undefined); // rejects if the connection ends first
    if (connection.state !== 'open') break;
  }
  return mostBytes;
}

const server = new WebSocketServer();
// The returned promise delays the next message of this client; other clients are served in the meantime.
server.on('message', async (connection, message) => {
  const count = Math.min(Number(message), 1_000_000);
  console.log(`${count} lines, at most ${await produce(connection, lines(count))} bytes waited`);
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);
