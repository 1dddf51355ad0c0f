// Follows a feed for as long as it takes: node reconnecting-client.js ws://127.0.0.1:8080/
import process from 'node:process';
import { ReconnectingClient } from 'hawser/client';

const [url = 'ws://127.0.0.1:8080/'] = process.argv.slice(2);
const client = new ReconnectingClient(url);
client.on('open', (connection) => {
  connection.send('{"subscribe":"news"}'); // again with each connection: the server knows nothing of the last one
  console.log('open');
});
client.on('down', ({ close }) => console.log(`down: ${close?.code} (${close?.cause})`));
client.on('retry', ({ attempt, delayMs }) => console.log(`attempt ${attempt} in ${delayMs} ms`));
client.on('giveUp', ({ why, error }) => console.log(`gave up: ${why} ${error?.message ?? ''}`));
process.once('SIGINT', () => client.close());

for await (const message of client) console.log(String(message)); // across reconnects, until it is closed
console.log('closed');
