import { CLIENTS } from '../../test/cluster/redis/clients.ts';
import { RedisServer } from '../../test/cluster/redis/server.ts';
import type * as clusterModule from '../../src/cluster/index.ts';
import { DEFAULT_SERVER_OPTIONS } from '../../src/index.ts';
import { type Ioredis, Redis } from './libraries.ts';
import { cpuMicros } from './usage.ts';

/** CPU time of Redis for each of two ways, in µs for each message or read, one entry a round. */
export interface Pairs {
  readonly title: string;
  readonly sides: readonly [string, string];
  readonly micros: readonly (readonly [number, number])[];
  /** Largest median of the ratio, first side to second. Missing for a comparison without a target. */
  readonly target: number | undefined;
}

const TOPICS = 200;
const IN_FLIGHT = 64;
const MESSAGES = 6_400;
const READS = 2_000;
const LIMITS = { maxMessages: 100, maxBytes: 1_048_576, ttlMs: 300_000, positionTtlMs: 86_400_000 };

/** What the read of a history would be with a stream: it knows the run and the position, and renews the position. */
const STREAM_READ = `
local run = redis.call('GET', KEYS[3])
local epoch, offset, _, r = string.match(redis.call('GET', KEYS[1]), '^(%S+) (%d+) (%d+) (%S+)$')
if r ~= run then return {} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { epoch, tonumber(offset), redis.call('XRANGE', KEYS[2], '(' .. ARGV[1], '+') }
`;

/** Runs `count` calls, at most 64 at a time. */
async function inParallel(count: number, call: (at: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (next < count) await call(next++);
    }),
  );
}

/** An engine without a node: calls go to Redis as they are. */
async function startEngine(port: number): Promise<clusterModule.Engine> {
  const name = 'hawser/cluster';
  const { redisEngine } = (await import(name)) as typeof clusterModule;
  const engine = redisEngine({ client: CLIENTS[0]!.client(port) });
  const ignore = (): void => undefined;
  await engine.start({
    nodeId: 'bench',
    clock: DEFAULT_SERVER_OPTIONS.clock,
    random: DEFAULT_SERVER_OPTIONS.random,
    limits: { deadlineMs: 20_000, maxEntryBytes: 1_048_576, maxHistoryBytes: 67_108_864 },
    connected: ignore,
    disconnected: ignore,
    deliver: ignore,
    control: ignore,
    fault: (error) => {
      throw error;
    },
  });
  return engine;
}

/** Measures the two ways in turn, in each round in another order. */
async function pairs(
  { pid }: RedisServer,
  rounds: number,
  unit: number,
  ways: readonly [() => Promise<void>, () => Promise<void>],
): Promise<[number, number][]> {
  const measured: [number, number][] = [];
  for (const way of ways) await way();
  for (let round = 0; round < rounds; round++) {
    const pair: [number, number] = [0, 0];
    for (const side of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const before = cpuMicros(pid);
      await ways[side]();
      pair[side] = (cpuMicros(pid) - before) / unit;
    }
    measured.push(pair);
  }
  return measured;
}

/** Appends of 16 messages in one script beside 16 appends, and a list read beside a stream read. */
export async function engineCells(rounds: number): Promise<Pairs[]> {
  const server = await RedisServer.start();
  const engine = await startEngine(server.port);
  const client: Ioredis = new (Redis())({ port: server.port, host: '127.0.0.1' });
  const cells: Pairs[] = [];
  try {
    const topics = Array.from({ length: TOPICS }, (_, at) => `append:${at}`);
    await engine.interest(
      topics.map((topic) => ({ kind: 'messages' as const, topic })),
      [],
    );
    let seq = 0;
    for (const [bytes, target] of [
      [128, 0.35],
      [1_024, 0.75],
    ] as const) {
      const entry = Buffer.alloc(bytes, 'x');
      const append = (messages: number) => async (): Promise<void> => {
        const entries = Array.from({ length: messages }, () => entry);
        await inParallel(MESSAGES / messages, (at) =>
          engine.publish({
            topic: topics[at % TOPICS]!,
            node: 'bench',
            seq: ++seq,
            again: false,
            entries,
            history: { ...LIMITS, candidateEpoch: `e${seq}` },
          }),
        );
      };
      cells.push({
        title: `append of ${bytes} bytes`,
        sides: ['16 in one script', 'one in a script'],
        micros: await pairs(server, rounds, MESSAGES, [append(16), append(1)]),
        target,
      });
    }
    const history = { ...LIMITS, candidateEpoch: 'read' };
    const entries = Array.from({ length: 50 }, () => Buffer.alloc(128, 'x'));
    for (let half = 0; half < 2; half++)
      await engine.publish({ topic: 'read', node: 'bench', seq: ++seq, again: false, entries, history });
    for (let at = 1; at <= 100; at++) await client.callBuffer('XADD', 'stream', `0-${at}`, 'd', entries[0]!);
    const [position] = await engine.positions(['read']);
    const since = { epoch: position!.epoch, offset: 0 };
    const digest = String(await client.call('SCRIPT', 'LOAD', STREAM_READ));
    await client.call('SET', 'stream:meta', 'epoch 100 6400 run');
    await client.call('SET', 'stream:run', 'run');
    const inScript = ['EVALSHA', digest, '3', 'stream:meta', 'stream', 'stream:run', '0-0', '86400000'];
    for (const [side, command, target] of [
      ['stream, by a script with the same checks', inScript, 0.35],
      ['stream, by XRANGE alone', ['XRANGE', 'stream', '(0-0', '+'], undefined],
    ] as const)
      cells.push({
        title: 'read of 100 missed messages of 128 bytes',
        sides: ['list, by the script', side],
        micros: await pairs(server, rounds, READS, [
          () => inParallel(READS, () => engine.read('read', since, history)),
          () => inParallel(READS, () => client.callBuffer(...command)),
        ]),
        target,
      });
  } finally {
    client.disconnect();
    await engine.stop(1_000);
    await server.end();
  }
  return cells;
}
