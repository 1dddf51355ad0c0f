import { setTimeout as delay } from 'node:timers/promises';
import { duration, percent, whole } from '../../../src/load/index.ts';
import { Followed, nothingLost } from '../followed.ts';
import { atMostThrice, normalAgain } from '../judge.ts';
import { count, type Criterion, measure, type Scenario } from '../scenario.ts';

const MESSAGE_BYTES = 128;
/** Clients of one topic. */
const EACH_TOPIC = 50;
/** Longest time without a server. */
const DOWN_MS = 1_500;
/** The delays of clients are the defaults, unless the whole run is shorter than this. */
const SHORT_MS = 30_000;
const SHORT_DELAYS = { baseDelayMs: 200, maxFirstDelayMs: 600, maxDelayMs: 1_000 };
const LIMIT_MS = 180_000;
/** Share of all clients that may come back in one second. */
const WAVE = 0.5;

/** All clients lose their connections at once: first the connections only, then the server, too. */
export const reconnectStorm: Scenario = {
  name: 'reconnect-storm',
  summary:
    'all connections are cut, then the server is killed: clients return in waves, no message is lost silently',
  defaults: { minutes: 1, connections: 5_000, rate: 40 },
  async run({ open, connections, rate, durationMs }) {
    const stage = await open({
      server: { roles: ['topics'], options: { maxConnections: 2 * connections }, hasLoadControl: true },
      clientProcesses: [{}, {}],
    });
    const followed = await Followed.start(
      stage,
      stage.clients,
      { topics: Math.ceil(connections / EACH_TOPIC), messagesPerSecond: rate, bytes: MESSAGE_BYTES },
      {
        url: stage.url('topics'),
        clients: connections,
        options: durationMs < SHORT_MS ? SHORT_DELAYS : {},
      },
    );
    await followed.allLive(LIMIT_MS);
    await followed.period();
    stage.mark('all clients are live');
    await delay(durationMs / 2);
    const calm = await followed.period();
    const criteria: Criterion[] = [];
    const figures: Record<string, unknown> = { calm };
    const cuts = [
      ['connections cut', () => stage.server.ask('cut')],
      ['server killed', () => followed.restartServer(() => delay(Math.min(DOWN_MS, durationMs / 10)))],
    ] as const;
    for (const [name, fault] of cuts) {
      const before = await followed.report();
      stage.mark(name);
      await fault();
      const tookMs = await followed.allLive(LIMIT_MS);
      stage.mark('all clients are live again');
      const storm = await followed.period();
      const after = await followed.report();
      const recovered = after.counts.recovered - before.counts.recovered;
      const announced = after.counts.lostAnnounced - before.counts.lostAnnounced;
      const isCut = fault === cuts[0][1];
      criteria.push(
        count(
          `${name}: all ${whole(connections)} clients come back`,
          tookMs === undefined ? `${whole(after.live)} are back` : `after ${duration(tookMs)}`,
          tookMs !== undefined,
        ),
        count(
          isCut ? `${name}: each gets what it missed` : `${name}: each is told that its history is gone`,
          `${whole(recovered)} recovered, ${whole(announced)} losses announced`,
          isCut ? recovered >= connections && announced === 0 : announced >= connections,
        ),
        ...(durationMs < SHORT_MS
          ? []
          : [
              measure(
                `${name}: they come in waves, at most ${percent(WAVE)} of them in one second`,
                `${whole(storm.busiestSecond)} in the busiest second`,
                storm.busiestSecond <= WAVE * connections,
              ),
            ]),
        atMostThrice(`${name}: messages to clients that are live`, calm.p99Ms, storm.p99Ms),
      );
      figures[name] = { tookMs, ...storm };
      await delay(durationMs / 4);
      await followed.period();
    }
    criteria.push(...(await normalAgain(stage)));
    const report = await followed.end(LIMIT_MS);
    return { criteria: [...criteria, ...nothingLost(report)], figures: { ...figures, report } };
  },
};
