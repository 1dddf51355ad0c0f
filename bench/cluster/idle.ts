import { join } from 'node:path';
import process from 'node:process';
import { RedisServer } from '../../test/cluster/redis/server.ts';
import { Generator, sampleOf, Server } from '../runner.ts';
import { HAWSER, type Side } from '../sides.ts';

/** CPU time per echo in µs, one entry a round: without `cluster`, again without it in another process, and with it. */
export interface IdleCell {
  readonly micros: readonly (readonly [number, number, number])[];
}

export async function idleCell(rounds: number, durationMs: number): Promise<IdleCell> {
  const redis = await RedisServer.start();
  const side = (title: string, ...args: string[]): Side => ({
    ...HAWSER,
    title,
    role: 'variant',
    command: [process.execPath, join(import.meta.dirname, 'echo.js'), ...args],
  });
  const generator = new Generator();
  const servers: Server[] = [];
  try {
    for (const one of [side('without'), side('without, again'), side('with cluster', String(redis.port))])
      servers.push(await Server.start(one));
    const measure = async (server: Server): Promise<number> =>
      sampleOf(
        await generator.run(
          server.plan('echo', { connections: 20, pipeline: 8, warmUpMs: durationMs / 2, durationMs }),
        ),
      ).cpuMicros;
    for (const server of servers) await measure(server);
    const micros: [number, number, number][] = [];
    for (let round = 0; round < rounds; round++) {
      const sample: [number, number, number] = [0, 0, 0];
      for (let at = 0; at < 3; at++) {
        const turn = ((at + round) % 3) as 0 | 1 | 2;
        sample[turn] = await measure(servers[turn]!);
      }
      micros.push(sample);
    }
    return { micros };
  } finally {
    await Promise.all([generator.child, ...servers.map(({ child }) => child)].map((child) => child.kill()));
    await redis.end();
  }
}
