// The Kubernetes client: exec in a container, over the channels of its protocol.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { Exec, KubeConfig } from '@kubernetes/client-node';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  handleProtocols: (protocols) => [...protocols].find((name) => name.endsWith('channel.k8s.io')),
});
await once(server, 'listening');
server.on('connection', (socket, request) => {
  const { pathname, searchParams } = new URL(request.url, 'http://a');
  const said = `${pathname} ${searchParams.getAll('command').join(' ')}`;
  socket.send(Buffer.concat([Buffer.of(1), Buffer.from(said)]));
  socket.send(Buffer.concat([Buffer.of(3), Buffer.from(JSON.stringify({ status: 'Success' }))]));
});
const config = new KubeConfig();
config.loadFromClusterAndUser(
  { name: 'c', server: `http://127.0.0.1:${server.address().port}`, skipTLSVerify: true },
  { name: 'u', token: 't' },
);
const output = new PassThrough();
let report;
const result = new Promise((resolve) => {
  report = resolve;
});
const exec = new Exec(config);
const socket = await exec.exec('ns', 'pod', 'box', ['ls', '-l'], output, null, null, false, report);
const [chunk] = await once(output, 'data');
assert.equal(chunk.toString(), '/api/v1/namespaces/ns/pods/pod/exec ls -l');
const { status } = await result;
assert.equal(status, 'Success');
socket.close();
for (const one of server.clients) await once(one, 'close');
server.close();
console.log('ok');
