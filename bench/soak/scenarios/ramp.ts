import { percent, whole } from '../../../src/load/index.ts';
import { failuresIn, keptRate, noneLeft, undisturbed } from '../judge.ts';
import { count, type Scenario } from '../scenario.ts';

/** Share of the time in which connections open. Then they all send. */
const OPENING = 0.6;
const LEAST_OPEN = 0.95;
const MOST_ERRORS = 0.01;
/** Connections that send all the time. */
const INSIDE = { connections: 20, ratePerSecond: 50 };

/** Connections open one after the other until all are open; then they send. */
export const ramp: Scenario = {
  name: 'ramp',
  summary: 'connections open until all are there, then all send: over 95 % open, under 1 % errors',
  defaults: { minutes: 1, connections: 5_000, rate: 2_000 },
  async run({ open, connections, rate, durationMs }) {
    const stage = await open({
      server: { roles: ['echo'], options: { maxConnections: connections + 2 * INSIDE.connections } },
      clientProcesses: [{}, {}],
    });
    const inside = stage.load('inside', 'echo', { ...INSIDE, durationMs }, stage.clients[1]);
    const all = await stage.load('all', 'echo', {
      connections,
      ratePerSecond: rate,
      rampMs: OPENING * durationMs,
      durationMs: (1 - OPENING) * durationMs,
    });
    const opened = 'failure' in all ? 0 : all.figures.connections;
    const errors = failuresIn(all);
    return {
      criteria: [
        count(
          `more than ${percent(LEAST_OPEN)} of ${whole(connections)} connections open`,
          'failure' in all ? all.failure : whole(opened),
          opened > LEAST_OPEN * connections,
        ),
        count(
          `errors of less than ${percent(MOST_ERRORS)} of the connections`,
          whole(errors),
          errors < MOST_ERRORS * connections,
        ),
        ...undisturbed('clients that were connected before', await inside, INSIDE.connections),
        await noneLeft(stage),
        ...keptRate('all', all),
      ],
      figures: { all, inside: await inside },
    };
  },
};
