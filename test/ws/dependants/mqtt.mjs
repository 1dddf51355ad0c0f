// MQTT.js connects with a stream of createWebSocketStream; so does the broker here.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import mqtt from 'mqtt';
import packets from 'mqtt-packet';
import { createWebSocketStream, WebSocketServer } from 'ws';

const server = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  handleProtocols: (protocols) => protocols.has('mqtt') && 'mqtt',
});
server.on('connection', (socket) => {
  const stream = createWebSocketStream(socket);
  const parser = packets.parser();
  parser.on('packet', (packet) => {
    const answer = (reply) => stream.write(packets.generate(reply));
    if (packet.cmd === 'connect') answer({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    else if (packet.cmd === 'subscribe') answer({ cmd: 'suback', messageId: packet.messageId, granted: [0] });
    else if (packet.cmd === 'publish')
      answer({
        cmd: 'publish',
        topic: packet.topic,
        payload: packet.payload,
        qos: 0,
        retain: false,
        dup: false,
      });
  });
  stream.on('data', (chunk) => parser.parse(chunk));
  stream.on('error', () => {});
});
await once(server, 'listening');
const client = mqtt.connect(`ws://127.0.0.1:${server.address().port}`, {
  protocolVersion: 4,
  reconnectPeriod: 0,
});
await once(client, 'connect');
await client.subscribeAsync('topic');
for (const payload of ['hello', 'x'.repeat(100_000)]) {
  const heard = once(client, 'message');
  await client.publishAsync('topic', payload);
  const [topic, message] = await heard;
  assert.deepEqual([topic, String(message)], ['topic', payload]);
}
await client.endAsync();
await new Promise((resolve) => server.close(resolve));
console.log('ok');
