// A server of bench/storm.ts: 50 messages in the history of one topic for clients of hawser.v1, and the same frames by `send` for
// plain clients. `--library=<file>` loads another build.
import process from 'node:process';
import { createInterface } from 'node:readline';
import type * as hawser from '../../src/index.ts';

const LIBRARY = '--library=';
const name = process.argv.find((argument) => argument.startsWith(LIBRARY))?.slice(LIBRARY.length) ?? 'hawser';
const { WebSocketServer } = (await import(name)) as typeof hawser;

const MESSAGES = 50;
const PAYLOAD_BYTES = 128;
/** Connections that get their frames in one turn, when no client asks for them. */
const TURN = 2_000;

/** The first line of the server. */
export interface StormServer {
  readonly port: number;
  readonly epoch: string;
  readonly messages: number;
}

const server = new WebSocketServer({
  protocols: ['hawser.v1'],
  maxConnections: 20_000,
  heartbeat: false,
  history: { match: 'news' },
  authorizeSubscribe: () => true,
});
const data = Array.from({ length: MESSAGES }, (_, at) => String(at).padEnd(PAYLOAD_BYTES, 'x'));
/** What clients of hawser.v1 get, as text. */
const texts = data.map((text, at) =>
  JSON.stringify({ op: 'message', topic: 'news', offset: at + 1, data: text }),
);

const sendAll = (connection: hawser.Connection): void => {
  for (const text of texts) connection.send(text);
};
server.on('message', sendAll);

const { port } = await server.listen(0, '127.0.0.1');
let epoch = '';
for (const text of data) {
  const relayed = await server.publish('news', text).relayed;
  if (relayed?.ok !== true) throw new Error('the message was not published');
  epoch = relayed.position!.epoch;
}

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const lines = createInterface({ input: process.stdin });
lines.on('line', () => {
  const connections = [...server.connections];
  const next = (from: number): void => {
    for (const connection of connections.slice(from, from + TURN)) sendAll(connection);
    if (from + TURN < connections.length) setImmediate(next, from + TURN);
    else say({});
  };
  next(0);
});
lines.on('close', () => process.exit());
say({ port, epoch, messages: MESSAGES } satisfies StormServer);
