// A client of bench/client.ts in its own process: Hawser, another build of it, or `ws`. Reads orders as lines of JSON, and answers
// each with a line. All have the same handler. With `--empty` the process has no live heap but that of the client.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type * as hawser from '../src/client/index.ts';
import { BENCH } from './sides.ts';

/** What the process is told to do. */
export type ClientOrder =
  /** Opens connections that echo, and closes those before. */
  | { readonly open: number; readonly url: string }
  /** Sends a message so many times ahead on each connection, and the next one for each answer, until the time is over. */
  | { readonly text: string; readonly binary: boolean; readonly pipeline: number; readonly ms: number }
  /** Opens and closes connections, so many at a time. */
  | { readonly connects: number; readonly atOnce: number; readonly url: string };

export interface ClientAnswer {
  readonly messages: number;
  readonly cpuMicros: number;
  readonly ms: number;
}

/** One open connection. */
interface Opened {
  send(message: string | Buffer): void;
  onMessage(listener: (message: string | Buffer) => void): void;
  close(): Promise<unknown>;
}
type Open = (url: string) => Promise<Opened>;

if (!process.argv.includes('--empty')) await import('./application.ts');
const LIBRARY = '--library=';
const given = process.argv.find((argument) => argument.startsWith(LIBRARY))?.slice(LIBRARY.length);

async function ofHawser(name: string): Promise<Open> {
  const { connect } = (await import(name)) as typeof hawser;
  return async (url) => {
    const connection = await connect(url);
    return {
      send: (message) => void connection.send(message),
      onMessage: (listener) => void connection.on('message', listener),
      close: () => {
        connection.close();
        return connection.closed;
      },
    };
  };
}

/** The members of `ws` that are used here. */
interface WsClient extends NodeJS.EventEmitter {
  send(message: string | Buffer): void;
  close(): void;
}

/** As the documentation of `ws` shows: text arrives as bytes. */
function ofWs(): Open {
  const WebSocket = createRequire(join(BENCH, 'package.json'))('ws') as new (
    url: string,
    options: object,
  ) => WsClient;
  return async (url) => {
    const client = new WebSocket(url, { perMessageDeflate: false });
    await once(client, 'open');
    return {
      send: (message) => client.send(message),
      onMessage: (listener) => void client.on('message', listener),
      close: () => {
        client.close();
        return once(client, 'close');
      },
    };
  };
}

const open = process.argv.includes('--ws') ? ofWs() : await ofHawser(given ?? 'hawser/client');
let connections: Opened[] = [];
let onMessage: (from: Opened, message: string | Buffer) => void = () => undefined;

async function measured(work: () => Promise<number>): Promise<ClientAnswer> {
  const usage = process.cpuUsage();
  const begin = performance.now();
  const messages = await work();
  const { user, system } = process.cpuUsage(usage);
  return { messages, cpuMicros: user + system, ms: performance.now() - begin };
}

async function reopen(count: number, url: string): Promise<number> {
  await Promise.all(connections.map((each) => each.close()));
  connections = await Promise.all(Array.from({ length: count }, () => open(url)));
  for (const each of connections) each.onMessage((message) => onMessage(each, message));
  return count;
}

/** Ends when every answer has arrived. */
const echo = (message: string | Buffer, pipeline: number, ms: number): Promise<number> =>
  new Promise((resolve) => {
    const end = performance.now() + ms;
    const bytes = Buffer.byteLength(message);
    let answers = 0;
    let left = connections.length * pipeline;
    onMessage = (from, answer) => {
      if (Buffer.byteLength(answer) !== bytes) throw new Error('the server changed a message');
      answers++;
      if (performance.now() < end) from.send(message);
      else if (--left === 0) resolve(answers);
    };
    for (const each of connections) for (let i = 0; i < pipeline; i++) each.send(message);
  });

async function connects(count: number, atOnce: number, url: string): Promise<number> {
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun < count) {
      begun++;
      await (await open(url)).close();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return count;
}

function carryOut(order: ClientOrder): Promise<number> {
  if ('open' in order) return reopen(order.open, order.url);
  if ('connects' in order) return connects(order.connects, order.atOnce, order.url);
  return echo(order.binary ? Buffer.from(order.text) : order.text, order.pipeline, order.ms);
}

const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit());
lines.on('line', (line) => {
  void measured(() => carryOut(JSON.parse(line) as ClientOrder)).then((answer) =>
    process.stdout.write(`${JSON.stringify(answer)}\n`),
  );
});
