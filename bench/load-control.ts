// What the option `loadControl` costs a server that is idle, as a share of a core, and per echo while the level is normal:
// node build/bench/load-control.js [--seconds <n>]
// Settings alternate, each time in a new process. For the idle server CPU time is that of the whole process.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { WebSocketServer } from '../src/index.ts';
import { text } from '../src/testing/index.ts';
import { count } from './count.ts';
import { median } from './statistics.ts';
import { join, low, nextTurn } from './wire.ts';

const PAYLOAD_BYTES = 128;
/** Messages in one read. */
const DEPTH = 16;
const WARM_UP = 5_000;
const WINDOWS = 600;
const READS_PER_WINDOW = 20;
const ROUNDS = 5;
const SETTLE_MS = 2_000;

/** Share of a core that an idle server takes. */
async function idleShare(loadControl: boolean, seconds: number): Promise<number> {
  const server = new WebSocketServer({ loadControl });
  await server.listen(0, '127.0.0.1');
  // Compiling and the first garbage collections are not idling.
  await delay(SETTLE_MS);
  const before = process.cpuUsage();
  await delay(seconds * 1_000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / seconds;
}

/** Time of one echo in ns without and with load control: received, delivered, and sent back. */
async function echoNs(): Promise<readonly [off: number, on: number]> {
  const frames = Buffer.concat(Array.from({ length: DEPTH }, () => text('x'.repeat(PAYLOAD_BYTES))));
  const open = async (isOn: boolean): Promise<(reads: number) => Promise<number>> => {
    // The benchmark takes the whole CPU, and must not slow itself down.
    const loadControl = isOn && { probe: () => ({ cpuRatio: 0, loopUtilization: 0, eventLoopDelayMs: 0 }) };
    const server = new WebSocketServer({ loadControl, maxMessageBytes: 65_536 });
    server.on('message', (connection, message) => void connection.send(message));
    const wire = await join(server);
    return async (reads) => {
      const begin = process.hrtime.bigint();
      for (let at = 0; at < reads; at++) {
        wire.push(Buffer.from(frames));
        await nextTurn();
      }
      return Number(process.hrtime.bigint() - begin) / reads / DEPTH;
    };
  };
  const sides = [await open(false), await open(true)];
  const windows: number[][] = [[], []];
  for (let at = 0; at < WARM_UP; at++) for (const read of sides) await read(1);
  for (let at = 0; at < WINDOWS; at++)
    for (const [side, read] of sides.entries()) windows[side]!.push(await read(READS_PER_WINDOW));
  return [low(windows[0]!), low(windows[1]!)];
}

type Job = 'echo' | { readonly isOn: boolean; readonly seconds: number };

async function inChild(job: Job): Promise<unknown> {
  const child = fork(import.meta.filename, [JSON.stringify(job)]);
  const [result] = (await once(child, 'message')) as [unknown];
  return result;
}

if (process.send !== undefined) {
  const job = JSON.parse(process.argv[2]!) as Job;
  process.send(job === 'echo' ? await echoNs() : await idleShare(job.isOn, job.seconds));
  process.exit();
}
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' } } });
const seconds = count('seconds', values.seconds);
const shares: [number[], number[]] = [[], []];
const differences: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  for (const isOn of [false, true]) shares[isOn ? 1 : 0].push((await inChild({ isOn, seconds })) as number);
  const [off, on] = (await inChild('echo')) as [number, number];
  differences.push(on - off);
  console.log(`echo: ${off.toFixed(0)} ns without, ${on.toFixed(0)} with load control`);
}
const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
console.log(`idle: ${percent(median(shares[0]))} of a core without, ${percent(median(shares[1]))} with`);
console.log(`median of the differences per echo: ${median(differences).toFixed(0)} ns`);
