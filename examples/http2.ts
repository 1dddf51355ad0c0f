// A page and its WebSocket on one HTTP/2 session: node http2.js key.pem cert.pem. Browsers speak HTTP/2 over TLS only.
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { WebSocketServer } from 'hawser';

const [keyFile = 'key.pem', certFile = 'cert.pem'] = process.argv.slice(2);
const key = readFileSync(keyFile);
const cert = readFileSync(certFile);

const PAGE = `<!doctype html><title>HTTP/2</title><output></output><script>
  const socket = new WebSocket('wss://' + location.host + '/chat');
  socket.onopen = () => socket.send('ahoy');
  socket.onmessage = ({ data }) => (document.querySelector('output').value = data);
</script>`;

const web = createSecureServer(
  // Clients without HTTP/2 open their WebSocket by an upgrade of HTTP/1.1.
  { key, cert, allowHTTP1: true, settings: { enableConnectProtocol: true } },
  (_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(PAGE);
  },
);
const server = new WebSocketServer({ path: '/chat' });
server.attach(web);
server.on('connection', (_, request) => {
  console.log(request.method === 'CONNECT' ? 'a client over HTTP/2' : 'a client over HTTP/1.1');
});
server.on('message', (connection, message) => {
  connection.send(message);
});
web.listen(Number(process.env['PORT'] ?? 8443), '127.0.0.1', () => {
  console.log(`https://127.0.0.1:${(web.address() as AddressInfo).port}`);
});
