import assert from 'node:assert/strict';
import { type Socket, connect as connectSocket } from 'node:net';
import { test } from 'node:test';
import type { Connection } from '../../src/index.ts';
import { EXAMPLE_KEY, eventLoopTurns, waitUntil } from '../../src/testing/index.ts';
import { listening } from '../server/live.ts';

const MESSAGE_BYTES = 1_000;
const FRAME_BYTES = MESSAGE_BYTES + 4;
/** What one turn sends fits the packing table. */
const MESSAGES_A_TURN = 60;
const HEAD_END = Buffer.from('\r\n\r\n');

/** A client that reads only when it is told to, and checks every byte: its number, and that of the message. */
class SlowClient {
  readonly socket: Socket;
  frames = 0;
  #rest: Buffer = Buffer.alloc(0);
  #isOpen = false;
  readonly #number: number;

  constructor(port: number, number: number) {
    this.#number = number;
    this.socket = connectSocket({ port, host: '127.0.0.1' });
    this.socket.write(
      `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    this.socket.on('data', (chunk: Buffer) => this.#read(Buffer.concat([this.#rest, chunk])));
  }

  #read(bytes: Buffer): void {
    let at = 0;
    if (!this.#isOpen) {
      at = bytes.indexOf(HEAD_END) + HEAD_END.length;
      this.#isOpen = at >= HEAD_END.length;
      if (!this.#isOpen) at = 0;
    }
    for (; this.#isOpen && at + FRAME_BYTES <= bytes.length; at += FRAME_BYTES) {
      assert.deepEqual([...bytes.subarray(at, at + 4)], [0x82, 126, MESSAGE_BYTES >> 8, MESSAGE_BYTES & 255]);
      const expected = message(this.#number, this.frames++);
      assert.ok(
        expected.equals(bytes.subarray(at + 4, at + FRAME_BYTES)),
        `message ${this.frames - 1} of client ${this.#number}`,
      );
    }
    this.#rest = bytes.subarray(at);
  }
}

const message = (client: number, sequence: number): Buffer => {
  const bytes = Buffer.alloc(MESSAGE_BYTES, client * 16 + (sequence & 15));
  bytes.writeUInt32BE(sequence, 0);
  return bytes;
};

for (const transport of ['auto', 'stream'] as const) {
  test(`FB-03 BP-06 ${transport}: frames that a write has begun to send do not change while other connections send`, async (t) => {
    const { server, port } = await listening(t, {
      transport,
      maxBufferedBytes: 200_000_000,
      memoryBudget: undefined,
      highWaterMarkBytes: 1_000_000,
    });
    const connections: Connection[] = [];
    server.on('connection', (connection) => void connections.push(connection));
    const clients: SlowClient[] = [];
    for (let number = 0; number < 4; number++) {
      clients.push(new SlowClient(port, number));
      await waitUntil(() => connections.length === number + 1);
    }
    const sent = clients.map(() => 0);
    const sendTurn = async (number: number): Promise<void> => {
      for (let i = 0; i < MESSAGES_A_TURN; i++) connections[number]!.send(message(number, sent[number]!++));
      await eventLoopTurns(1);
    };
    // Clients 0 to 2 do not read until their sockets are full; then client 3 sends and receives through the same table.
    for (const { socket } of clients.slice(0, 3)) socket.pause();
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 3; number++) {
        for (let turns = 0; connections[number]!.bufferedBytes === 0; turns++) {
          assert.ok(turns < 2_000, 'a socket without a reader becomes full');
          await sendTurn(number);
          await sendTurn(3);
        }
        await sendTurn(number);
        await sendTurn(3);
      }
      for (const { socket } of clients) socket.resume();
      await waitUntil(() => clients.every(({ frames }, number) => frames === sent[number]));
      for (const { socket } of clients.slice(0, 3)) socket.pause();
    }
    // A client that leaves while its write is under way gives the table back, too.
    for (let turns = 0; connections[0]!.bufferedBytes === 0; turns++) await sendTurn(0);
    clients[0]!.socket.destroy();
    await connections[0]!.closed;
    for (let turns = 0; turns < 20; turns++) await sendTurn(3);
    await waitUntil(() => clients[3]!.frames === sent[3]);
    for (const { socket } of clients) socket.destroy();
  });
}
