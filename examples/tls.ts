// wss:// on its own port: node tls.js key.pem cert.pem. SIGHUP loads a renewed certificate; connections stay open.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { WebSocketServer } from 'hawser';

const [keyFile = 'key.pem', certFile = 'cert.pem'] = process.argv.slice(2);
const credentials = () => ({ key: readFileSync(keyFile), cert: readFileSync(certFile) });

const server = new WebSocketServer({ tls: credentials() });
server.on('message', (connection, message) => {
  connection.send(message);
});
process.on('SIGHUP', () => {
  try {
    server.reloadTls(credentials());
    console.log('certificate renewed');
  } catch (error) {
    console.error(`the old certificate stays: ${String(error)}`);
  }
});
const { port } = await server.listen(Number(process.env['PORT'] ?? 8443), '127.0.0.1');
console.log(`wss://127.0.0.1:${port}`);
