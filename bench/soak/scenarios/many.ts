import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { duration, size, whole } from '../../../src/load/index.ts';
import { count, measure, type Scenario } from '../scenario.ts';

/** Descriptors of a process besides those of its connections. */
const RESERVE = 100;
/** Connections from one address to one port: Linux has 28,232 ports for them. Each process of clients uses an address of its own. */
const MOST_EACH = 25_000;
const MESSAGE_BYTES = 128;
/** PF-15: 100,000 connections in 8 GB. */
const MOST_RSS_BYTES = (8 * 2 ** 30) / 100_000;

/** Descriptors that this process and its children may have; the limit of the hard kind, which Node sets for itself. */
function descriptors(): number {
  try {
    const text = readFileSync('/proc/self/limits', 'latin1');
    return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(text)?.[1] ?? 0) || 1_024;
  } catch {
    return 1_024;
  }
}

/** As many idle connections as the limit of descriptors allows, at one process. */
export const many: Scenario = {
  name: 'many',
  summary:
    'as many idle connections to one process as `ulimit -n` allows; --minutes is the time that they are idle',
  defaults: { minutes: 0.5, connections: 100_000, rate: 1 },
  async run({ open, connections, durationMs }) {
    const limit = descriptors() - RESERVE;
    const wanted = Math.min(connections, limit);
    const processes = Math.ceil(wanted / Math.min(MOST_EACH, limit));
    const stage = await open({
      server: { roles: ['idle'], host: '0.0.0.0', options: { maxConnections: wanted } },
      clientProcesses: Array.from({ length: processes }, () => ({})),
    });
    const live = (): Promise<number> => stage.server.ask<number>('live');
    const before = { live: await live(), rss: (await stage.sample()).rssBytes };
    const startMs = stage.nowMs;
    const each = Math.ceil(wanted / processes);
    const opened = await Promise.all(
      stage.clients.map((peer, i) =>
        peer.ask<number>('crowd', {
          host: `127.0.0.${i + 1}`,
          port: stage.ports.idle,
          connections: Math.min(each, wanted - i * each),
        }),
      ),
    );
    const openMs = stage.nowMs - startMs;
    const all = opened.reduce((sum, one) => sum + one, 0);
    stage.mark(`${whole(all)} connections are open`);
    await delay(durationMs);
    const idle = { live: await live(), rss: (await stage.sample()).rssBytes };
    const perConnection = { live: (idle.live - before.live) / all, rss: (idle.rss - before.rss) / all };

    stage.mark('a message to all');
    const toldMs = stage.nowMs;
    const arrived = stage.clients.map((peer, i) => peer.ask('received', opened[i]! * MESSAGE_BYTES));
    const callMs = await stage.server.ask<number>('tellAll', MESSAGE_BYTES);
    await Promise.all(arrived);
    const broadcastMs = stage.nowMs - toldMs;
    stage.mark('a ping to all');
    const pingMs = await stage.server.ask<number>('pingAll');
    const lost = await Promise.all(stage.clients.map((peer) => peer.ask<number>('crowdLost')));
    const ended = lost.reduce((sum, one) => sum + one, 0);
    return {
      criteria: [
        count(
          wanted < connections
            ? `${whole(wanted)} connections, of ${whole(connections)} wanted: \`ulimit -n\` allows no more`
            : `${whole(wanted)} connections`,
          `${whole(all)} opened in ${duration(openMs)}, ${whole((all * 1_000) / openMs)} a second`,
          all === wanted,
        ),
        count('none is lost', whole(ended), ended === 0),
        count(
          'a message reaches all, and all answer a ping',
          `message of ${MESSAGE_BYTES} bytes: ${duration(broadcastMs)}, of which the call ${duration(callMs)}; ping: ${duration(pingMs)}`,
          true,
        ),
        measure(
          `at most ${size(MOST_RSS_BYTES)} of RSS for each connection`,
          `${size(perConnection.rss)}; heap and buffers ${size(perConnection.live)}`,
          perConnection.rss <= MOST_RSS_BYTES,
        ),
      ],
      figures: {
        wanted,
        opened: all,
        openMs,
        perConnection,
        rssBytes: idle.rss,
        broadcastMs,
        callMs,
        pingMs,
        processes,
      },
    };
  },
};
