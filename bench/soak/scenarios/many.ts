import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { duration, size, whole } from '../../../src/load/index.ts';
import { count, type Findings, measure, type RunContext, type Scenario } from '../scenario.ts';

/** Descriptors of a process besides those of its connections. */
const RESERVE = 100;
/** Connections from one address to one port: Linux has 28,232 ports for them. Each process of clients uses an address of its own. */
const MOST_EACH = 25_000;
const PROCESSES_HTTP2 = 2;
const MESSAGE_BYTES = 128;
const LIMIT_MS = 120_000;
/** PF-15: 100,000 connections in 8 GB. */
const MOST_RSS_BYTES = (8 * 2 ** 30) / 100_000;

/** Descriptors that this process and its children may have: the hard limit, because Node raises its own limit to it. */
function descriptors(): number {
  try {
    const text = readFileSync('/proc/self/limits', 'latin1');
    return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(text)?.[1] ?? 0) || 1_024;
  } catch {
    return 1_024;
  }
}

/** Whether something happens within the time limit. */
async function inTime(happens: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const late = delay(LIMIT_MS, false, { signal: over.signal }).catch(() => false);
  try {
    return await Promise.race([happens.then(() => true), late]);
  } finally {
    over.abort();
  }
}

/** Opens idle connections, measures memory, and reaches all of them. @param allowed Connections that the system allows. */
async function reachAll(
  { open, connections, durationMs }: RunContext,
  role: 'idle' | 'http2',
  allowed: number,
  processes: number,
): Promise<Findings> {
  const wanted = Math.min(connections, allowed);
  const stage = await open({
    server: { roles: [role], host: '0.0.0.0', options: { maxConnections: wanted } },
    clientProcesses: Array.from({ length: processes }, () => ({})),
  });
  const live = (): Promise<number> => stage.server.ask<number>('live');
  const before = { live: await live(), rss: (await stage.sample()).rssBytes };
  const startMs = stage.nowMs;
  const each = Math.ceil(wanted / processes);
  const opened = await Promise.all(
    stage.clients.map((peer, i) =>
      peer.ask<number>('crowd', {
        // Sessions of HTTP/2 need few ports.
        host: role === 'http2' ? '127.0.0.1' : `127.0.0.${i + 1}`,
        port: stage.ports[role],
        http2: role === 'http2',
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
  const isReached = await inTime(Promise.all(arrived));
  const broadcastMs = stage.nowMs - toldMs;
  stage.mark('a ping to all');
  const pingedMs = stage.nowMs;
  const isAnswered = await inTime(stage.server.ask<number>('pingAll'));
  const pingMs = stage.nowMs - pingedMs;
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
        isReached && isAnswered,
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
}

/** As many idle connections as the limit of descriptors allows, at one process. */
export const many: Scenario = {
  name: 'many',
  summary:
    'as many idle connections to one process as `ulimit -n` allows; --minutes is the time that they are idle',
  defaults: { minutes: 0.5, connections: 100_000, rate: 0 },
  run(context) {
    const allowed = descriptors() - RESERVE;
    const wanted = Math.min(context.connections, allowed);
    return reachAll(context, 'idle', allowed, Math.ceil(wanted / Math.min(MOST_EACH, allowed)));
  },
};

/** Idle connections over HTTP/2, which need one descriptor for a thousand. */
export const manyHttp2: Scenario = {
  name: 'many-http2',
  summary: 'idle connections to one process over HTTP/2, a thousand in each TCP connection',
  defaults: { minutes: 0.5, connections: 100_000, rate: 0 },
  run: (context) => reachAll(context, 'http2', Infinity, PROCESSES_HTTP2),
};
