// Uploads a file as a stream of bytes, and a report as one message that neither side holds whole. docs/streams.md explains it.
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';
import { connect, type Connection, messageStreams, toDuplex, WebSocketServer } from 'hawser';

const source = process.argv[2] ?? import.meta.filename;
const target = process.argv[3] ?? `${source}.copy`;
const server = new WebSocketServer({
  upgrade: ({ request }) => ({ data: request.url.pathname }),
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);

async function receiveFile(connection: Connection<string>): Promise<void> {
  await pipeline(toDuplex(connection), createWriteStream(target));
  console.log(`stored ${(await stat(target)).size} bytes`);
}

async function receiveReports(connection: Connection<string>): Promise<void> {
  for await (const report of messageStreams(connection)) {
    let lines = 1;
    for await (const chunk of report) lines += chunk.filter((byte) => byte === 10).length;
    console.log(`report of ${lines} lines, ${report.bytesReceived} bytes`);
    connection.sendJson({ ok: true });
  }
}

server.on('connection', async (connection) => {
  if (connection.data === '/file') await receiveFile(connection);
  else await receiveReports(connection);
});

const uploading = await connect(`ws://127.0.0.1:${port}/file`);
await pipeline(createReadStream(source), toDuplex(uploading));

async function* lines(): AsyncGenerator<string> {
  yield `report on ${source}`;
  for (let i = 1; i <= 1_000; i++) yield `\nline ${i}`;
}

const reporting = await connect(`ws://127.0.0.1:${port}/report`);
const bytes = await reporting.sendStream(lines());
console.log(`sent ${bytes} bytes as one message`);
for await (const answer of reporting) {
  console.log(`answer ${String(answer)}`);
  break;
}
reporting.close();
await server.shutdown();
