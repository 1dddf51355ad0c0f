import { setTimeout as delay } from 'node:timers/promises';
import type * as clusterModule from '../../src/cluster/index.ts';
import type * as hawserModule from '../../src/index.ts';
import { CLIENTS } from '../../test/cluster/redis/clients.ts';
import { RedisServer } from '../../test/cluster/redis/server.ts';
import { type Ioredis, Redis } from './libraries.ts';
import { quantile } from '../statistics.ts';

/** Times from a publish to its result, beside the round trips of PING from the same process during the same load. */
export interface RelayedCell {
  readonly perSecond: number;
  readonly reachedPerSecond: number;
  readonly relayedMs: { readonly p50: number; readonly p99: number };
  readonly pingMs: { readonly p50: number; readonly p99: number };
}

const TOPICS = 100;
const TICK_MS = 1;
const WARM_UP_MS = 1_000;

export async function relayedCell(perSecond: number, durationMs: number): Promise<RelayedCell> {
  const [name, engines] = ['hawser', 'hawser/cluster'];
  const { WebSocketServer } = (await import(name)) as typeof hawserModule;
  const { redisEngine } = (await import(engines)) as typeof clusterModule;
  const redis = await RedisServer.start();
  const client: Ioredis = new (Redis())({ port: redis.port, host: '127.0.0.1' });
  const server = new WebSocketServer({
    history: { match: '*' },
    cluster: redisEngine({ client: CLIENTS[0]!.client(redis.port) }),
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  const relayed: number[] = [];
  const pings: number[] = [];
  const text = 'x'.repeat(128);
  const results: Promise<void>[] = [];
  const publish = (at: number, isMeasured: boolean): void => {
    const beganMs = performance.now();
    const settled = server.publish(`topic:${at % TOPICS}`, text).relayed!.then((result) => {
      if (!result.ok) throw result.error;
      if (isMeasured) relayed.push(performance.now() - beganMs);
    });
    results.push(settled);
  };
  const ping = async (): Promise<void> => {
    const beganMs = performance.now();
    await client.call('PING');
    pings.push(performance.now() - beganMs);
  };
  let sent = 0;
  const beganMs = performance.now();
  try {
    for (;;) {
      const passedMs = performance.now() - beganMs;
      if (passedMs > WARM_UP_MS + durationMs) break;
      for (const due = Math.floor((passedMs * perSecond) / 1_000); sent < due; sent++)
        publish(sent, passedMs > WARM_UP_MS);
      if (passedMs > WARM_UP_MS) void ping();
      await delay(TICK_MS);
    }
    const elapsedMs = performance.now() - beganMs;
    await Promise.all(results);
    const of = (values: readonly number[]): { p50: number; p99: number } => ({
      p50: quantile(values, 0.5),
      p99: quantile(values, 0.99),
    });
    return {
      perSecond,
      reachedPerSecond: (sent * 1_000) / elapsedMs,
      relayedMs: of(relayed),
      pingMs: of(pings),
    };
  } finally {
    client.disconnect();
    await server.shutdown({ timeoutMs: 100 });
    await redis.end();
  }
}
