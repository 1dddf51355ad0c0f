// CPU time of a message from one worker to another through the primary: packed, as workerEngine() of hawser/cluster sends it, and
// message by message. Run: node build/bench/workers.js [--rounds n] [--turns n]
import cluster, { type Worker as ProcessWorker } from 'node:cluster';
import { once } from 'node:events';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker as ThreadWorker, workerData } from 'node:worker_threads';
import { type Channel, type EngineHost, joinWorkers, workerEngine } from '../src/cluster/index.ts';
import { DEFAULT_SERVER_OPTIONS } from '../src/index.ts';
import { count } from './count.ts';
import { median } from './statistics.ts';

/** Messages of one turn. */
const TURN = 64;
const SIZES = [128, 1_024];
const KINDS = ['process', 'thread'] as const;
/** One batch of one topic; one message of each of 64 topics; and one IPC message for each message. */
const WAYS = ['one topic', '64 topics', 'message by message'] as const;

type Kind = (typeof KINDS)[number];
type Way = (typeof WAYS)[number];
interface Task {
  readonly role: 'sender' | 'receiver';
  readonly way: Way;
  readonly bytes: number;
}
type AnyWorker = ProcessWorker | ThreadWorker;

const topicsOf = (way: Way): string[] =>
  way === '64 topics' ? Array.from({ length: TURN }, (_, at) => `t${at}`) : ['t0'];
const tell = (worker: AnyWorker, message: object): void => {
  if (worker instanceof ThreadWorker) worker.postMessage(message, []);
  else worker.send(message);
};

// In a worker.

const send = (message: object): void => {
  if (parentPort === null) process.send!(message);
  else parentPort.postMessage(message, []);
};
const listen = (listener: (message: Record<string, unknown>) => void): void => {
  if (parentPort === null) process.on('message', listener);
  else parentPort.on('message', listener);
};

/** An engine outside of a server. */
async function engineOf(id: string, received: (count: number) => void) {
  const engine = workerEngine();
  const host: EngineHost = {
    nodeId: id,
    clock: DEFAULT_SERVER_OPTIONS.clock,
    random: DEFAULT_SERVER_OPTIONS.random,
    limits: { deadlineMs: 30_000, maxEntryBytes: 1_048_576, maxHistoryBytes: 1_048_576 },
    connected: () => undefined,
    disconnected: (error) => {
      throw error;
    },
    deliver: (_channel, _header, entries) => received(entries.length),
    control: () => undefined,
    fault: (error) => {
      throw error;
    },
  };
  await engine.start(host);
  return engine;
}

async function work({ role, way, bytes }: Task): Promise<void> {
  const isPacked = way !== 'message by message';
  let count = 0;
  const received = (more: number): void => {
    count += more;
    if (count % TURN === 0) send({ turn: true });
  };
  const engine = isPacked ? await engineOf(role, received) : undefined;
  if (role === 'receiver') {
    if (engine !== undefined)
      await engine.interest(
        topicsOf(way).map((topic): Channel => ({ kind: 'messages', topic })),
        [],
      );
    listen(({ data, cpu }) => {
      if (data !== undefined) received(1);
      if (cpu === true) send({ cpu: process.cpuUsage() });
    });
    send({ ready: true });
    return;
  }
  // A text frame of this size, as an entry is.
  const entry = new Uint8Array(bytes).fill(0x61);
  let seq = 0;
  const publish = (topic: string, entries: readonly Uint8Array[]): Promise<unknown> =>
    engine!.publish({ topic, node: role, seq: ++seq, again: false, entries });
  let turnOver: () => void = () => undefined;
  listen(({ go, turn, cpu }) => {
    if (turn === true) turnOver();
    if (cpu === true) send({ cpu: process.cpuUsage() });
    if (typeof go === 'number')
      void (async () => {
        for (let i = 0; i < go; i++) {
          const over = new Promise<void>((resolve) => (turnOver = resolve));
          const calls: Promise<unknown>[] = [over];
          if (way === 'one topic') calls.push(publish('t0', Array(TURN).fill(entry) as Uint8Array[]));
          else
            for (let at = 0; at < TURN; at++) {
              if (isPacked) calls.push(publish(`t${at}`, [entry]));
              else send({ topic: 't0', data: entry });
            }
          await Promise.all(calls);
        }
        send({ done: true });
      })();
  });
  send({ ready: true });
}

// In the primary.

function start(kind: Kind, task: Task): AnyWorker {
  const script = process.argv[1]!;
  if (kind === 'thread') return new ThreadWorker(script, { workerData: task });
  cluster.setupPrimary({ exec: script, serialization: 'advanced' });
  return cluster.fork({ HAWSER_BENCH_TASK: JSON.stringify(task) });
}

const microseconds = ({ user, system }: NodeJS.CpuUsage): number => user + system;

/** CPU time per message of all three sides, in µs. */
async function measure(kind: Kind, way: Way, bytes: number, turns: number): Promise<number> {
  const receiver = start(kind, { role: 'receiver', way, bytes });
  const sender = start(kind, { role: 'sender', way, bytes });
  const workers = [sender, receiver] as const;
  const heard = new Map<AnyWorker, Record<string, unknown>>(workers.map((worker) => [worker, {}]));
  for (const worker of workers) {
    if (way !== 'message by message') joinWorkers(worker);
    worker.on('message', (message: Record<string, unknown>) => {
      Object.assign(heard.get(worker)!, message);
      if (message['data'] !== undefined) tell(receiver, message);
      else if (message['turn'] === true) tell(sender, message);
    });
  }
  const until = async (worker: AnyWorker, name: string): Promise<unknown> => {
    const said = heard.get(worker)!;
    while (said[name] === undefined) await once(worker, 'message');
    const value = said[name];
    delete said[name];
    return value;
  };
  const cpu = async (): Promise<number> => {
    let sum = microseconds(process.cpuUsage());
    if (kind === 'process')
      for (const worker of workers) {
        tell(worker, { cpu: true });
        sum += microseconds((await until(worker, 'cpu')) as NodeJS.CpuUsage);
      }
    return sum;
  };
  for (const worker of workers) await until(worker, 'ready');
  const run = async (count: number): Promise<void> => {
    tell(sender, { go: count });
    await until(sender, 'done');
  };
  await run(Math.ceil(turns / 4));
  const before = await cpu();
  await run(turns);
  const used = (await cpu()) - before;
  for (const worker of workers) {
    const exit = once(worker, 'exit');
    if (worker instanceof ThreadWorker) void worker.terminate();
    else worker.process.kill('SIGKILL');
    await exit;
  }
  return used / (turns * TURN);
}

const task = isMainThread
  ? (JSON.parse(process.env['HAWSER_BENCH_TASK'] ?? 'null') as Task | null)
  : (workerData as Task);
if (task !== null) await work(task);
else {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, turns: { type: 'string', default: '1000' } },
  });
  const [rounds, turns] = [count('rounds', values.rounds), count('turns', values.turns)];
  console.log(
    '| Channel | Message | one topic | 64 topics | message by message | ratio, one topic | ratio, 64 topics |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const kind of KINDS)
    for (const bytes of SIZES) {
      const used = new Map<Way, number[]>(WAYS.map((way) => [way, []]));
      for (let round = 0; round < rounds; round++)
        for (const way of WAYS) used.get(way)!.push(await measure(kind, way, bytes, turns));
      const ratio = (way: Way): string =>
        median(used.get(way)!.map((value, at) => value / used.get('message by message')![at]!)).toFixed(2);
      const figures = WAYS.map((way) => `${median(used.get(way)!).toFixed(1)} µs`);
      console.log(
        `| ${kind} | ${bytes} B | ${figures.join(' | ')} | ${ratio('one topic')} | ${ratio('64 topics')} |`,
      );
    }
  process.exit();
}
