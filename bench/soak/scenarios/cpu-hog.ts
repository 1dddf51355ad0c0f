import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { whole } from '../../../src/load/index.ts';
import { answersIn, atMostThrice, failuresIn, noneLeft, normalAgain, undisturbed } from '../judge.ts';
import { Peer } from '../peer.ts';
import { count, type Scenario } from '../scenario.ts';
import { typicalP99 } from '../samples.ts';

/** Busy processes for each core. */
const HOGS = 2;

/** Other processes take all cores of the machine for the middle third of the time. */
export const cpuHog: Scenario = {
  name: 'cpu-hog',
  summary:
    'other processes take every core for a while: no client is closed, and latency recovers when they end',
  defaults: { minutes: 1.5, connections: 200, rate: 200 },
  async run({ open, connections, rate, durationMs }) {
    const stage = await open({
      server: { roles: ['echo'], options: { maxConnections: 4 * connections }, hasLoadControl: true },
      clientProcesses: [{}, {}],
    });
    const third = durationMs / 3;
    const echo = stage.load('echo', 'echo', { connections, ratePerSecond: rate, durationMs });
    const coming = stage.load(
      'coming and going',
      'echo',
      { mode: 'handshake', connections: 32, keep: 20, ratePerSecond: 10, durationMs },
      stage.clients[1],
    );
    await delay(third);
    const hogMs = stage.nowMs;
    const hogs = Array.from({ length: HOGS * availableParallelism() }, () => new Peer('hog'));
    stage.mark(`${hogs.length} other processes take the cores`);
    await delay(third);
    const calmMs = stage.nowMs;
    await Promise.all(hogs.map((hog) => hog.kill()));
    stage.mark('the other processes end');
    const [ofEcho, ofComing] = await Promise.all([echo, coming]);
    const { closesByCause } = await stage.sample();
    const timeouts = closesByCause['ping-timeout'] ?? 0;
    const p99 = {
      beforeMs: typicalP99(stage.samples, 0, hogMs),
      duringMs: typicalP99(stage.samples, hogMs, calmMs),
      // The queues of the last moments of the hogs are served first.
      afterMs: typicalP99(stage.samples, calmMs + third / 4, Infinity),
    };
    return {
      criteria: [
        ...undisturbed('echo', ofEcho, connections),
        count(
          'connections that come and go: none is refused or lost',
          `${whole(answersIn(ofComing))} came, ${whole(failuresIn(ofComing))} failed`,
          answersIn(ofComing) > 0 && failuresIn(ofComing) === 0,
        ),
        count('no live client is closed as dead', `${whole(timeouts)} ping timeouts`, timeouts === 0),
        await noneLeft(stage),
        ...(await normalAgain(stage)),
        atMostThrice('afterwards', p99.beforeMs, p99.afterMs),
      ],
      figures: { p99, echo: ofEcho, coming: ofComing, closesByCause },
    };
  },
};
