import { size, whole } from '../../../src/load/index.ts';
import { keptRate, noneLeft, undisturbed } from '../judge.ts';
import { count, type LoadOutcome, measure, type Scenario } from '../scenario.ts';
import type { StallReport } from '../stalled.ts';

/** One client of so many does not read. */
const ONE_IN = 10;
/** The load is repeated up to so many times until every client that reads nothing is closed. */
const MOST_TIMES = 5;
const MAX_BUFFERED_BYTES = 1_048_576;
/**
 * Linux stores up to net.ipv4.tcp_rmem and tcp_wmem for a client that does not read: 6 to 36 MB. Only what exceeds it is buffered in
 * the server, so it takes a while until the server notices.
 */
const MESSAGE_BYTES = 262_144;
/** What a connection of a client that reads may hold for a moment. */
const READING_BYTES = 4 * MESSAGE_BYTES;

/** A broadcast to clients of which some read nothing, and come again when they are closed. */
export const slowConsumers: Scenario = {
  name: 'slow-consumers',
  summary:
    'one client in ten reads nothing: the server closes it, memory is bounded, the others get every message',
  defaults: { minutes: 1, connections: 100, rate: 10 },
  async run({ open, connections, rate, durationMs }) {
    const stalled = Math.ceil(connections / ONE_IN);
    const stage = await open({
      server: {
        roles: ['relay'],
        options: { maxConnections: 4 * connections, maxBufferedBytes: MAX_BUFFERED_BYTES },
      },
      clientProcesses: [{}, {}],
    });
    const [reading, away] = stage.clients as [(typeof stage.clients)[0], (typeof stage.clients)[0]];
    await away.ask('stall', { port: stage.ports.relay, clients: stalled, returns: true });
    await stage.until(async () => (await stage.sample()).connections === stalled);
    const causes = async (): Promise<Readonly<Record<string, number>>> =>
      (await stage.sample()).closesByCause;
    const isClosed = async (): Promise<boolean> => ((await causes())['slow-consumer'] ?? 0) >= stalled;
    const fanOuts: LoadOutcome[] = [];
    // How much the system stores for a client is not known before.
    do {
      const fanOut = await stage.load(
        'broadcast',
        'relay',
        {
          mode: 'fan-out',
          connections,
          ratePerSecond: rate,
          payload: { bytes: MESSAGE_BYTES, binary: true, multibyte: false },
          durationMs,
        },
        reading,
      );
      fanOuts.push(fanOut);
    } while (!(await isClosed()) && fanOuts.length < MOST_TIMES);
    const report = await away.ask<StallReport>('stalled');
    const closesByCause = await causes();
    await away.ask('unstall');
    const most = Math.max(0, ...stage.samples.map(({ server }) => server?.bufferedBytes ?? 0));
    const limit = stalled * (MAX_BUFFERED_BYTES + MESSAGE_BYTES) + connections * READING_BYTES;
    const closed = closesByCause['slow-consumer'] ?? 0;
    return {
      criteria: [
        ...fanOuts.flatMap((fanOut) => undisturbed('clients that read', fanOut, connections)),
        count(
          `each of ${whole(stalled)} clients that read nothing is closed with the cause slow-consumer`,
          `${whole(closed)} were closed`,
          closed >= stalled,
        ),
        await noneLeft(stage),
        measure(
          `buffered bytes: at most the limits of all connections, ${size(limit)}`,
          `at most ${size(most)}`,
          most <= limit,
        ),
        ...fanOuts.flatMap((fanOut) => keptRate('clients that read', fanOut)),
      ],
      figures: { fanOuts, stalled: report, closesByCause, mostBufferedBytes: most },
    };
  },
};
