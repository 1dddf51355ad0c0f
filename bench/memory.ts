import { setTimeout as sleep } from 'node:timers/promises';
import { MEMORY } from './cells.ts';
import { Generator, Server } from './runner.ts';
import type { MemoryAnswer } from './servers/announce.ts';
import type { Side } from './sides.ts';

/** Bytes of one connection: of the process as the system sees it, and of its heap and buffers after a collection. */
export interface MemoryFigures {
  readonly rss: number;
  readonly heapAndExternal: number;
}
export interface MemorySample {
  readonly untouched: MemoryFigures;
  readonly afterTraffic: MemoryFigures;
}

/** Untouched connections are given this long to settle. */
const SETTLE_MS = 1_000;
/** For so long before, connections come and go. */
const COMING_AND_GOING_MS = 4_000;
/**
 * V8's space for young objects, which else grows and shrinks between 1 and 16 MB (twice) with whatever a process does: divided by
 * the connections that is as much as one of them has.
 */
const YOUNG_SPACE = '--min-semi-space-size=16';

function perConnection(answer: MemoryAnswer, before: MemoryAnswer, connections: number): MemoryFigures {
  const heapAndExternal = answer.heapUsed + answer.external - before.heapUsed - before.external;
  return { rss: (answer.rss - before.rss) / connections, heapAndExternal: heapAndExternal / connections };
}

/**
 * Opens idle connections to a server that has a fifth as many already, and looks at what its memory grows by: untouched,
 * and an idle while after some traffic. The first ones take what lies free in heap and allocator.
 * @param idleMs How long that while is.
 */
export async function measureMemory(side: Side, connections: number, idleMs: number): Promise<MemorySample> {
  const [program = '', ...args] = side.command;
  const server = await Server.start({ ...side, command: [program, YOUNG_SPACE, ...args] });
  const [first, generator] = [new Generator(), new Generator()];
  const memory = (): Promise<MemoryAnswer> => server.child.ask<MemoryAnswer>('memory');
  const idle = { mode: 'idle', durationMs: SETTLE_MS } as const;
  try {
    // Code that every connection needs is loaded.
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
