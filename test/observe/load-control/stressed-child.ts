// A server with load control under real load: `loop` blocks its event loop, `heap` fills its heap, `cpu` takes the CPU, `memory`
// fills the memory of its container. The load ends when the server is critical, and the program when the server is normal again.
// Prints what the server told meanwhile, in order, and whether it still served: one line of JSON.
import process from 'node:process';
import { connect, type LoadControlOptions, type PressureInfo, WebSocketServer } from '../../../src/index.ts';

const IGNORED: LoadControlOptions = {
  eventLoopDelayMs: false,
  loopUtilization: false,
  heapRatio: false,
  rssRatio: false,
  cpuRatio: false,
  budgetRatio: false,
  connectionsRatio: false,
};
const MIB = 1_048_576;
const kept: unknown[] = [];

interface Load {
  readonly signals: LoadControlOptions;
  /** Adds load; called again and again until the server is critical. */
  readonly add: () => void;
}

function busy(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const LOADS: Readonly<Record<string, Load>> = {
  // The machine may be busy: then delays of 50 ms are nothing unusual.
  loop: { signals: { eventLoopDelayMs: [80, 160] }, add: () => busy(1_500) },
  heap: {
    signals: { heapRatio: [0.75, 0.85] },
    add: () => void kept.push(Array.from({ length: 32_768 }, (_, at) => ({ at }))),
  },
  // The machine may have little CPU time left for this process.
  cpu: { signals: { cpuRatio: [0.04, 0.08] }, add: () => busy(50) },
  memory: { signals: { rssRatio: [0.75, 0.85] }, add: () => void kept.push(Buffer.alloc(MIB, 1)) },
};

/** Memory fills slowly: between two samples, 5 MB of 160 of the heap, and 20 MB of 300 of the container. */
const PAUSES_MS: Readonly<Record<string, number>> = { heap: 20, memory: 5 };

const { signals, add } = LOADS[process.argv[2] ?? ''] as Load;
const told: string[] = [];
const line = (fields: Readonly<Record<string, unknown>>, text: string): void => {
  if (text === 'load rose' || text === 'load fell') told.push(`${text}: ${String(fields['level'])}`);
};
const server = new WebSocketServer({
  loadControl: { ...IGNORED, ...signals, sampleIntervalMs: 100, shed: false },
  // glibc would keep memory that is free.
  retainFreedMemory: false,
  logger: { debug: line, info: line, warn: line, error: line },
});
server.on('message', (connection, message) => connection.send(message));
const levelMetric = (): string => /^hawser_load_level (\d)$/m.exec(server.metrics())![1]!;

/** Whether a new client is served: after its handshake it gets its message back. */
async function isServed(port: number): Promise<boolean> {
  const client = await connect(`ws://127.0.0.1:${port}`);
  const answer = new Promise((resolve) => client.once('message', resolve));
  client.send('still there?');
  const isEcho = (await answer) === 'still there?';
  client.close();
  await client.closed;
  return isEcho;
}

let isCritical = false;
const isNormalAgain = new Promise<void>((resolve) => {
  server.on('pressure', ({ level, previous, causes }: PressureInfo) => {
    told.push(`event: ${previous} to ${level}, metric ${levelMetric()}, causes ${causes.join(' ')}`);
    if (level === 'critical') {
      isCritical = true;
      kept.length = 0;
      // When V8 frees memory outside of its heap is its own affair.
      (globalThis as { readonly gc?: () => void }).gc?.();
    }
    if (level === 'normal' && isCritical) resolve();
  });
});
const { port } = await server.listen(0, '127.0.0.1');
const before = await isServed(port);
function step(): void {
  if (isCritical) return;
  add();
  setTimeout(step, PAUSES_MS[process.argv[2] ?? ''] ?? 0);
}
step();
// V8 collects garbage when the program allocates: so does a server with traffic.
const traffic = setInterval(() => {
  if (isCritical && process.argv[2] === 'heap')
    kept.splice(
      0,
      1,
      Array.from({ length: 20_000 }, (_, at) => ({ at })),
    );
}, 20);
await isNormalAgain;
clearInterval(traffic);
const after = await isServed(port);
const { load } = server.stats();
await server.shutdown();
process.stdout.write(`${JSON.stringify({ told, before, after, level: load?.level })}\n`);
