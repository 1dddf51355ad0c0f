// Nest: a gateway on @nestjs/platform-ws. Decorators are functions, so that plain JavaScript can call them.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WebSocket } from 'ws';

class Gateway {
  double(value) {
    return { event: 'doubled', data: value * 2 };
  }
}
const method = Object.getOwnPropertyDescriptor(Gateway.prototype, 'double');
MessageBody()(Gateway.prototype, 'double', 0);
SubscribeMessage('double')(Gateway.prototype, 'double', method);
WebSocketGateway({ path: '/live' })(Gateway);
function App() {}
Module({ providers: [Gateway] })(App);

const app = await NestFactory.create(App, { logger: ['error'] });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');
const { port } = app.getHttpServer().address();
const client = new WebSocket(`ws://127.0.0.1:${port}/live`);
await once(client, 'open');
client.send(JSON.stringify({ event: 'double', data: 21 }));
const [data] = await once(client, 'message');
assert.deepEqual(JSON.parse(data.toString()), { event: 'doubled', data: 42 });
client.close();
await once(client, 'close');
await app.close();
console.log('ok');
