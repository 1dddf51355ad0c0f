// Subscribers of all channels throw, and so does a store. Two connections exchange messages all the same. Prints what they got,
// and the names of the channels whose subscriber ended up as an uncaught exception.
import { channel, tracingChannel } from 'node:diagnostics_channel';
import process from 'node:process';
import { CHANNELS } from '../../src/observe/index.ts';
import { eventLoopTurns, pair, VirtualClock } from '../../src/testing/index.ts';
import { WebSocketServer } from '../../src/index.ts';

const uncaught = new Set<string>();
process.on('uncaughtException', (error) => uncaught.add(error.message));
const { handshake, handler, ...plain } = CHANNELS;
for (const name of Object.values(plain))
  channel(name).subscribe(() => {
    throw new Error(name);
  });
for (const name of [handshake, handler]) {
  const traced = tracingChannel(name);
  for (const part of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const)
    traced[part].subscribe(() => {
      throw new Error(name);
    });
  const fail = (): never => {
    throw new Error('a store');
  };
  // Node 26 calls `withScope`, earlier versions `run`.
  const store = { run: fail, withScope: fail };
  traced.start.bindStore(store as never, (payload: unknown) => payload);
}

const clock = new VirtualClock();
let eventLoopDelayMs = 30;
const server = new WebSocketServer({
  clock,
  upgrade: async () => {},
  highWaterMarkBytes: 1,
  loadControl: { probe: () => ({ eventLoopDelayMs }), sampleIntervalMs: 100 },
});
server.on('message', (connection, message) => {
  connection.publish('all', 'to others');
  return message === 'sync'
    ? connection.send(message)
    : Promise.resolve().then(() => connection.send(message));
});
const echoes: unknown[] = [];
const closes: number[] = [];
for (let i = 0; i < 2; i++) {
  const { client, server: connection } = await pair({ server, clock });
  client.on('message', (message) => void echoes.push(message));
  client.send('sync');
  client.send('async');
  await eventLoopTurns(10);
  client.close();
  closes.push((await connection.closed).code);
  await client.closed;
}
const shed = await pair({ server, clock });
clock.advance(100);
eventLoopDelayMs = 60;
for (let i = 0; i < 2; i++) clock.advance(100);
await eventLoopTurns(10);
await shed.client.closed;
await server.shutdown();
await eventLoopTurns(2);
process.stdout.write(JSON.stringify({ closes, echoes, uncaught: [...uncaught].sort() }));
