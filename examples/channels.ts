// Carries a chat and a bulk transfer over one connection, as channels. docs/channels.md explains it.
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { CHANNELS_PROTOCOL, channels, connect, WebSocketServer } from 'hawser';

const server = new WebSocketServer({ protocols: [CHANNELS_PROTOCOL] });
server.on('connection', (connection) => {
  channels(connection, { maxChannels: 16 }).on('channel', async (channel) => {
    if (channel.name === 'chat')
      channel.on('message', (message) => void channel.send(`you said ${String(message)}`));
    else if (channel.name === 'bulk') {
      let bytes = 0;
      for await (const message of channel) bytes += message.length;
      console.log(`bulk: ${bytes} bytes`);
    } else channel.close(4004, 'no such channel');
  });
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}`);

const connection = await connect(`ws://127.0.0.1:${port}`, { protocols: [CHANNELS_PROTOCOL] });
const mux = channels(connection);
const chat = await mux.open('chat', { metadata: { name: 'Ann' } });
const bulk = await mux.open('bulk');

for (let i = 0; i < 200; i++) if (!bulk.send(Buffer.alloc(50_000))) await bulk.drained();
chat.send('hello');
for await (const answer of chat) {
  console.log(`chat: ${String(answer)}`);
  break;
}
bulk.close();
await bulk.closed;

await mux.open('nonsense').catch((error: unknown) => console.log(String(error)));
connection.close();
await connection.closed;
await server.shutdown();
