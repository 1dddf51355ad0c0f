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

function perConnection(answer: MemoryAnswer, before: MemoryAnswer, connections: number): MemoryFigures {
  const heapAndExternal = answer.heapUsed + answer.external - before.heapUsed - before.external;
  return { rss: (answer.rss - before.rss) / connections, heapAndExternal: heapAndExternal / connections };
}

/**
 * Opens idle connections to a fresh server and looks at its memory: untouched, and an idle while after some traffic.
 * @param idleMs How long that while is.
 */
export async function measureMemory(side: Side, connections: number, idleMs: number): Promise<MemorySample> {
  const server = await Server.start(side);
  const generator = new Generator();
  const memory = (): Promise<MemoryAnswer> => server.child.ask<MemoryAnswer>('memory');
  try {
    // Code that every connection needs is loaded, and no part of any.
    await generator.run(server.plan('echo', { mode: 'echo', connections: 200, durationMs: 500 }));
    const before = await memory();
    const answers: MemoryAnswer[] = [];
    await generator.run(
      server.plan('echo', {
        mode: 'idle',
        connections,
        traffic: MEMORY.traffic,
        payload: { bytes: MEMORY.payloadBytes, binary: true, multibyte: false },
        durationMs: SETTLE_MS,
      }),
      async () => {
        if (answers.length === 1) await sleep(idleMs);
        answers.push(await memory());
      },
    );
    const [untouched, afterTraffic] = answers;
    if (untouched === undefined || afterTraffic === undefined) throw new Error('the run ended early');
    return {
      untouched: perConnection(untouched, before, connections),
      afterTraffic: perConnection(afterTraffic, before, connections),
    };
  } finally {
    await Promise.all([server.child.kill(), generator.child.kill()]);
  }
}
