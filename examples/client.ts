// Sends typed lines and prints received messages: node client.js ws://127.0.0.1:8080/
import process from 'node:process';
import { createInterface } from 'node:readline';
import { connect, ConnectError } from 'hawser/client';

const [url = 'ws://127.0.0.1:8080/'] = process.argv.slice(2);
try {
  const connection = await connect(url);
  console.log(`connected to ${url}`);
  connection.on('message', (message) =>
    console.log(typeof message === 'string' ? message : message.toString('hex')),
  );
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => connection.send(line));
  lines.on('close', () => connection.close());
  const { code, reason, cause } = await connection.closed;
  lines.close();
  console.log(`closed: ${code} ${reason} (${cause})`);
} catch (error) {
  // The error has a stable code, and the phase in which connecting failed.
  if (!(error instanceof ConnectError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
