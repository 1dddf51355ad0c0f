import { setTimeout as sleep } from 'node:timers/promises';
import { MEMORY } from './cells.ts';
import { Generator, Server } from './runner.ts';
import type { MemoryAnswer } from './servers/announce.ts';
import type { Side } from './sides.ts';

/** Bytes per connection: RSS of the process, and heap and buffers after a garbage collection. */
export interface MemoryFigures {
  readonly rss: number;
  readonly heapAndExternal: number;
}
export interface MemorySample {
  readonly untouched: MemoryFigures;
  readonly afterTraffic: MemoryFigures;
}

/** Time between opening the connections and the measurement of untouched ones. */
const SETTLE_MS = 1_000;
/** How long connections open and close before the measurement. */
const COMING_AND_GOING_MS = 4_000;
/**
 * Fixes the size of V8's young generation. Otherwise each of its two semi-spaces grows and shrinks between 1 and 16 MB, which
 * divided by the number of connections is as much as a connection needs.
 */
const YOUNG_SPACE = '--min-semi-space-size=16';

function perConnection(answer: MemoryAnswer, before: MemoryAnswer, connections: number): MemoryFigures {
  const heapAndExternal = answer.heapUsed + answer.external - before.heapUsed - before.external;
  return { rss: (answer.rss - before.rss) / connections, heapAndExternal: heapAndExternal / connections };
}

/**
 * Opens idle connections and measures how much the memory of the server grows: untouched, and idle after some traffic. The server
 * already has a fifth as many connections; those use up free memory of heap and allocator.
 * @param idleMs Idle time after the traffic.
 */
export async function measureMemory(side: Side, connections: number, idleMs: number): Promise<MemorySample> {
  const [program = '', ...args] = side.command;
  const server = await Server.start({ ...side, command: [program, YOUNG_SPACE, ...args] });
  const [first, generator] = [new Generator(), new Generator()];
  const memory = (): Promise<MemoryAnswer> => server.child.ask<MemoryAnswer>('memory');
  const idle = { mode: 'idle', durationMs: SETTLE_MS } as const;
  try {
    // Loads the code that every connection needs.
    await generator.run(server.plan('echo', { mode: 'echo', connections: 200, durationMs: 500 }));
    await generator.run(
      server.plan('echo', { mode: 'handshake', connections: 32, keep: 32, durationMs: COMING_AND_GOING_MS }),
    );
    let sample: MemorySample | undefined;
    await first.run(server.plan('echo', { ...idle, connections: connections / 5 }), async () => {
      const before = await memory();
      const figures: MemoryFigures[] = [];
      await generator.run(
        server.plan('echo', {
          ...idle,
          connections,
          traffic: MEMORY.traffic,
          payload: { bytes: MEMORY.payloadBytes, binary: true, multibyte: false },
        }),
        async () => {
          if (figures.length === 1) await sleep(idleMs);
          figures.push(perConnection(await memory(), before, connections));
        },
      );
      const [untouched, afterTraffic] = figures;
      if (untouched !== undefined && afterTraffic !== undefined) sample = { untouched, afterTraffic };
    });
    if (sample === undefined) throw new Error('the run ended early');
    return sample;
  } finally {
    await Promise.all([server, first, generator].map(({ child }) => child.kill()));
  }
}
