import { whole } from '../../../src/load/index.ts';
import { answersIn, failuresIn, flat, flatnessOf, keptRate, noneLeft, undisturbed } from '../judge.ts';
import { count, type LoadOutcome, type Scenario } from '../scenario.ts';

/** Share of the connections that come and go every second. */
const CHURN = 0.1;

/** Connections send while others come and go; half of those close, half break off. */
export const churn: Scenario = {
  name: 'churn',
  summary: 'connections come and go every second beside a steady load; memory must be flat',
  defaults: { minutes: 10, connections: 500, rate: 500 },
  async run({ open, connections, rate, durationMs }) {
    const stage = await open({
      server: { roles: ['echo'], options: { maxConnections: 3 * connections } },
      clientProcesses: [{}, {}],
    });
    const perSecond = Math.max(2, connections * CHURN);
    const coming = (leave: 'close' | 'reset'): Promise<LoadOutcome> =>
      stage.load(
        leave,
        'echo',
        {
          mode: 'handshake',
          connections: 32,
          keep: Math.ceil(connections / 2),
          ratePerSecond: perSecond / 2,
          leave,
          durationMs,
        },
        stage.clients[1],
      );
    const [echo, closing, resetting] = await Promise.all([
      stage.load('echo', 'echo', { connections, ratePerSecond: rate, durationMs }),
      coming('close'),
      coming('reset'),
    ]);
    const endMs = stage.nowMs;
    const flatness = flatnessOf(stage, endMs - durationMs / 2, endMs);
    const opened = answersIn(closing) + answersIn(resetting);
    const failed = failuresIn(closing) + failuresIn(resetting);
    return {
      criteria: [
        ...undisturbed('echo', echo, connections),
        count(
          'connections that come and go: none is refused or lost',
          `${whole(opened)} came, ${whole(failed)} failed`,
          opened > 0 && failed === 0,
        ),
        await noneLeft(stage),
        ...keptRate('echo', echo),
        ...keptRate('connections that come and go, and close', closing),
        ...keptRate('connections that come and go, and break off', resetting),
        ...flat(flatness, durationMs),
      ],
      figures: { echo, closing, resetting, flatness },
    };
  },
};
