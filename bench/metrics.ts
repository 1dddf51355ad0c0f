// What the option `metrics` costs per echo, what a capture of one connection costs each other connection, and what a scrape costs:
// node build/bench/metrics.js [connections]
// Everything runs in one process, without system calls, so that differences of nanoseconds show. The settings alternate in each
// of several processes: compilers and memory make one process slower than the next.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { Writable } from 'node:stream';
import { WebSocketServer } from '../src/index.ts';
import { capture } from '../src/observe/index.ts';
import { text } from '../src/testing/index.ts';
import { join, low, nextTurn, type Wire } from './wire.ts';

const PAYLOAD_BYTES = 128;
/** Messages in one read. */
const DEPTH = 16;
const WARM_UP = 5_000;
const WINDOWS = 1_000;
const READS_PER_WINDOW = 20;
const ROUNDS = 7;
const SCRAPES = 500;

interface Echo {
  readonly off: number;
  readonly on: number;
  /** While one of 1,000 connections is captured: an echo of another one. */
  readonly beside: number;
}

const CAPTURED_OF = 1_000;

/** Time of one echo in ns: received, delivered, and sent back. */
async function echoNs(): Promise<Echo> {
  const frames = Buffer.concat(Array.from({ length: DEPTH }, () => text('x'.repeat(PAYLOAD_BYTES))));
  const open = async (metrics: boolean, isBeside = false): Promise<(reads: number) => Promise<number>> => {
    const server = new WebSocketServer({ metrics, maxMessageBytes: 65_536 });
    server.on('message', (connection, message) => void connection.send(message));
    const wire = await join(server);
    if (isBeside) {
      const others: Wire[] = [];
      for (let at = 1; at < CAPTURED_OF; at++) others.push(await join(server));
      const captured = [...server.connections].at(-1)!;
      capture(captured, new Writable({ write: (_chunk, _encoding, done) => done() }));
      for (const other of others) other.push(Buffer.from(frames));
      await nextTurn();
    }
    return async (reads) => {
      const begin = process.hrtime.bigint();
      for (let at = 0; at < reads; at++) {
        wire.push(Buffer.from(frames));
        await nextTurn();
      }
      return Number(process.hrtime.bigint() - begin) / reads / DEPTH;
    };
  };
  const sides = [await open(false), await open(true), await open(false, true)];
  const windows: number[][] = sides.map(() => []);
  for (let at = 0; at < WARM_UP; at++) for (const read of sides) await read(1);
  for (let at = 0; at < WINDOWS; at++)
    for (const [side, read] of sides.entries()) windows[side]!.push(await read(READS_PER_WINDOW));
  return { off: low(windows[0]!), on: low(windows[1]!), beside: low(windows[2]!) };
}

/** Time of one scrape in µs. */
async function scrapeMicros(connections: number): Promise<number> {
  const server = new WebSocketServer({ metrics: true, maxConnections: 100_000 });
  for (let at = 0; at < connections; at++) (await join(server)).push(text('x'));
  await nextTurn();
  const times: number[] = [];
  for (let at = 0; at < SCRAPES; at++) {
    const begin = process.hrtime.bigint();
    server.metrics();
    times.push(Number(process.hrtime.bigint() - begin) / 1_000);
    await nextTurn();
  }
  return low(times);
}

type Job = 'echo' | { readonly scrape: number };

async function inChild(job: Job): Promise<unknown> {
  const child = fork(import.meta.filename, [JSON.stringify(job)]);
  const [result] = (await once(child, 'message')) as [unknown];
  return result;
}

const [given = '10000'] = process.argv.slice(2);
if (process.send !== undefined) {
  const job = JSON.parse(given) as Job;
  process.send(job === 'echo' ? await echoNs() : await scrapeMicros(job.scrape));
  process.exit();
}
const differences: number[] = [];
const ratios: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const { off, on, beside } = (await inChild('echo')) as Echo;
  differences.push(on - off);
  ratios.push(beside / off);
  console.log(
    `echo: ${off.toFixed(0)} ns without metrics, ${on.toFixed(0)} with: ${(on - off).toFixed(0)} more; ` +
      `${beside.toFixed(0)} while another connection is captured`,
  );
}
differences.sort((a, b) => a - b);
console.log(`median of the differences: ${differences[ROUNDS >> 1]!.toFixed(0)} ns`);
ratios.sort((a, b) => a - b);
console.log(
  `while another connection is captured, the median is ${ratios[ROUNDS >> 1]!.toFixed(2)} of an echo`,
);
for (const connections of [0, Number(given)]) {
  const micros = (await inChild({ scrape: connections })) as number;
  console.log(`scrape with ${connections} connections: ${micros.toFixed(0)} µs`);
}
