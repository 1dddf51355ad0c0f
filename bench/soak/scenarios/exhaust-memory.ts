import { setTimeout as delay } from 'node:timers/promises';
import { size, whole } from '../../../src/load/index.ts';
import { noneLeft, normalAgain, undisturbed } from '../judge.ts';
import { count, measure, type Scenario } from '../scenario.ts';
import type { StallReport } from '../stalled.ts';

const MIB = 1_048_576;
const HEAP_MIB = 64;
const BUDGET_BYTES = 8 * MIB;
const FLOOD_BYTES = 65_536;
const INSIDE = 20;
/** Longest time until the server closes a client of the flood. */
const LIMIT_MS = 60_000;

/** Connections that the server ended because they did not read, or used too much memory. */
const endedIn = (closesByCause: Readonly<Record<string, number>>): number =>
  ['slow-consumer', 'memory-cap', 'write-timeout'].reduce(
    (sum, cause) => sum + (closesByCause[cause] ?? 0),
    0,
  );

/** Clients send as fast as they can, and read no answer, to a server with little memory. */
export const exhaustMemory: Scenario = {
  name: 'exhaust-memory',
  summary: `--connections clients flood a server of ${HEAP_MIB} MiB and read nothing: its process survives, and buffers stay within the budget`,
  defaults: { minutes: 1, connections: 100, rate: 100 },
  async run({ open, connections, rate, durationMs }) {
    const stage = await open({
      server: {
        roles: ['echo'],
        options: { maxConnections: 4 * connections + INSIDE, maxBufferedBytes: MIB },
        budgetBytes: BUDGET_BYTES,
        hasLoadControl: true,
      },
      serverProcess: { execArgv: [`--max-old-space-size=${HEAP_MIB}`] },
      clientProcesses: [{}, {}],
    });
    const { pid } = stage.server;
    const [inside, flood] = stage.clients as [(typeof stage.clients)[0], (typeof stage.clients)[0]];
    const staying = stage.load(
      'inside',
      'echo',
      { connections: INSIDE, ratePerSecond: rate, durationMs: durationMs + LIMIT_MS },
      inside,
    );
    await delay(durationMs / 4);
    stage.mark('the flood begins');
    await flood.ask('stall', {
      port: stage.ports.echo,
      clients: connections,
      returns: true,
      floodBytes: FLOOD_BYTES,
    });
    const closes = async (): Promise<number> => endedIn((await stage.sample()).closesByCause);
    await delay(durationMs / 2);
    // How much the system stores for a client is not known before.
    await stage.until(async () => (await closes()) > 0, LIMIT_MS);
    const stalled = await flood.ask<StallReport>('stalled');
    await flood.ask('unstall');
    stage.mark('the flood ends');
    await delay(durationMs / 4);
    await inside.ask('stop');
    const ofInside = await staying;
    const { closesByCause, refusedByCode } = await stage.sample();
    const log = await stage.server.ask<Readonly<Record<string, number>>>('log');
    const isCalm = await stage.until(async () => (await stage.sample()).bufferedBytes < MIB);
    const normal = await normalAgain(stage);
    const later = await stage.load(
      'later',
      'echo',
      { connections: INSIDE, ratePerSecond: rate, durationMs: durationMs / 8 },
      flood,
    );
    const most = Math.max(0, ...stage.samples.map(({ server }) => server?.bufferedBytes ?? 0));
    const ended = endedIn(closesByCause);
    const refused = Object.values(refusedByCode).reduce((sum, times) => sum + times, 0);
    return {
      criteria: [
        count(
          'the process survives',
          `process ${stage.server.pid}`,
          stage.server.isAlive && stage.server.pid === pid,
        ),
        ...undisturbed('clients that were connected before', ofInside, INSIDE),
        count(
          'the server ends or refuses clients of the flood, and says why',
          `${Object.entries(closesByCause)
            .map(([cause, times]) => `${cause} ${whole(times)}`)
            .join(', ')}; ${whole(refused)} refused; log: ${Object.keys(log).join(', ') || 'empty'}`,
          ended + refused > 0 && Object.keys(log).length > 0,
        ),
        count('buffered bytes are below 1 MiB afterwards', isCalm ? 'less than 1 MiB' : 'more', isCalm),
        ...undisturbed('later clients', later, INSIDE),
        await noneLeft(stage),
        ...normal,
        measure(
          `buffered bytes: at most the budget of ${size(BUDGET_BYTES)}, and one message of each connection`,
          `at most ${size(most)}`,
          most <= BUDGET_BYTES + connections * FLOOD_BYTES,
        ),
      ],
      figures: {
        inside: ofInside,
        later,
        stalled,
        closesByCause,
        refusedByCode,
        log,
        mostBufferedBytes: most,
      },
    };
  },
};
