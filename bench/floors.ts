import { duration, LatencyHistogram, type LoadResult, percent, size, whole } from '../src/load/index.ts';
import { Generator, Server } from './runner.ts';
import type { PausesAnswer } from './servers/announce.ts';
import { HAWSER } from './sides.ts';

/** An absolute demand, independent of other servers, and whether it is met. */
export interface Floor {
  readonly requirement: string;
  readonly demand: string;
  readonly seen: string;
  readonly met: boolean;
}

export const FLOOR_LOAD = Object.freeze({ connections: 100, ratePerSecond: 1_000 });

/** Measured figures for {@link judge}. */
export interface FloorFigures {
  readonly messagesPerSecond: number;
  readonly opening: { readonly meanMs: number; readonly maxMs: number };
  readonly roundTrip: { readonly count: number; readonly meanMs: number; readonly maxMs: number };
  readonly rssPerConnection: number;
  readonly longestPauseMs: number;
  readonly cpuShare: number;
}

/** Judges PF-01 to PF-04. A round trip is an upper bound for the time between receipt and handler. */
export function judge(figures: FloorFigures): Floor[] {
  const { messagesPerSecond, opening, roundTrip, rssPerConnection, longestPauseMs, cpuShare } = figures;
  const floor = (requirement: string, demand: string, seen: string, met: boolean): Floor => ({
    requirement,
    demand,
    seen,
    met,
  });
  const { connections, ratePerSecond } = FLOOR_LOAD;
  return [
    floor(
      'PF-01',
      `${connections} connections, ${whole(ratePerSecond)} messages/s in total; below 800 fails`,
      `${whole(messagesPerSecond)}/s`,
      messagesPerSecond >= 800,
    ),
    floor(
      'PF-02',
      'handshake on loopback below 10 ms on average, none above 500 ms',
      `mean ${duration(opening.meanMs)}, longest ${duration(opening.maxMs)}`,
      opening.meanMs < 10 && opening.maxMs <= 500,
    ),
    floor(
      'PF-03',
      'there and back below 5 ms on average, none above 50 ms in 1,000 messages',
      `mean ${duration(roundTrip.meanMs)}, longest ${duration(roundTrip.maxMs)} of ${whole(roundTrip.count)}`,
      roundTrip.meanMs < 5 && roundTrip.maxMs <= 50 && roundTrip.count >= 1_000,
    ),
    floor('PF-04', 'under 1 MB per connection', size(rssPerConnection), rssPerConnection < 1e6),
    floor('PF-04', 'no pause for garbage above 50 ms', duration(longestPauseMs), longestPauseMs <= 50),
    floor('PF-04', 'CPU below 80 % of a core, sustained', percent(cpuShare), cpuShare < 0.8),
  ];
}

function figuresOf(result: LoadResult, { longestMs }: PausesAnswer): FloorFigures {
  const [opening, roundTrip] = [new LatencyHistogram(), new LatencyHistogram()];
  opening.add(result.opening);
  roundTrip.add(result.latency);
  const rss = result.server?.rssBytes;
  return {
    messagesPerSecond: (result.messages * 1_000) / result.elapsedMs,
    opening: { meanMs: opening.meanMs, maxMs: opening.maxMs },
    roundTrip: { count: roundTrip.count, meanMs: roundTrip.meanMs, maxMs: roundTrip.maxMs },
    rssPerConnection: rss === undefined ? 0 : (rss.open - rss.before) / result.connections,
    longestPauseMs: longestMs,
    cpuShare: (result.server?.cpuMicros ?? 0) / 1_000 / result.elapsedMs,
  };
}

/** Measures the figures of the floors. @param durationMs 60,000 for a valid result. */
export async function measureFloors(durationMs: number): Promise<Floor[]> {
  const server = await Server.start(HAWSER, { BENCH_GC: '1' });
  const generator = new Generator();
  try {
    await generator.run(server.plan('echo', { connections: 20, pipeline: 8, durationMs: 500 }));
    await server.child.ask<PausesAnswer>('pauses');
    const result = await generator.run(
      server.plan('echo', {
        ...FLOOR_LOAD,
        // Connections open one after the other, because a burst would measure its own queue.
        rampMs: 1_000,
        warmUpMs: 500,
        durationMs,
      }),
    );
    return judge(figuresOf(result, await server.child.ask<PausesAnswer>('pauses')));
  } finally {
    await Promise.all([server.child.kill(), generator.child.kill()]);
  }
}
