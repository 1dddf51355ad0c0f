// Follows a feed across restarts of its server: node reconnecting-client.js ws://127.0.0.1:8080/
import process from 'node:process';
import { ReconnectingClient } from 'hawser/client';

const [url = 'ws://127.0.0.1:8080/'] = process.argv.slice(2);
const client = new ReconnectingClient(url);
client.on('open', (connection) => {
  connection.send('{"subscribe":"news"}'); // needed for each connection: the server does not know the previous one
  console.log('open');
});
client.on('down', ({ close }) => console.log(`down: ${close?.code} (${close?.cause})`));
client.on('retry', ({ attempt, delayMs }) => console.log(`attempt ${attempt} in ${delayMs} ms`));
client.on('giveUp', ({ why, error }) => console.log(`gave up: ${why} ${error?.message ?? ''}`));
process.once('SIGINT', () => client.close());

for await (const message of client) console.log(String(message)); // across reconnects, until client.close()
console.log('closed');
