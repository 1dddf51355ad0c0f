import { waitUntil } from '../../src/testing/index.ts';
import { Ledger } from '../../test/cluster/proofs/ledger.ts';
import { NodeProcess } from '../../test/cluster/proofs/node-process.ts';
import { Publisher } from '../../test/cluster/proofs/publisher.ts';
import { Subscriber } from '../../test/cluster/proofs/subscriber.ts';
import { RedisServer } from '../../test/cluster/redis/server.ts';

/** Resumes of one topic at a node that has not seen it. */
export interface StormCell {
  readonly clients: number;
  readonly recovered: number;
  readonly messages: number;
  readonly reads: number;
}

const MESSAGES = 50;
const DEADLINE_MS = 60_000;

export async function stormCell(clients: number): Promise<StormCell> {
  const redis = await RedisServer.start();
  const nodes = [0, 1].map((client) => new NodeProcess({ redisPort: redis.port, client }));
  const [one, other] = nodes as [NodeProcess, NodeProcess];
  const ledger = new Ledger();
  try {
    await Promise.all(nodes.map((node) => node.start()));
    const publisher = new Publisher(ledger, 'p', ['news'], { port: () => one.port, isPaced: true });
    publisher.due(MESSAGES);
    await waitUntil(() => ledger.counts.published === MESSAGES, {
      description: 'messages',
      deadlineMs: DEADLINE_MS,
    });
    await publisher.close();
    const { epoch } = ledger.top('news');
    const before = (await other.ask()).reads;
    const subscribers = Array.from({ length: clients }, (_, at) => {
      const subscriber = new Subscriber(ledger, `${at}`, ['news'], { port: () => other.port });
      subscriber.followers[0]!.position = { epoch, offset: 0 };
      return subscriber;
    });
    await waitUntil(() => subscribers.every(({ followers }) => followers[0]!.has(ledger.top('news'))), {
      description: 'the missed messages',
      deadlineMs: DEADLINE_MS,
    });
    const { reads } = await other.ask();
    await Promise.all(subscribers.map((subscriber) => subscriber.close()));
    const { recovered, delivered } = ledger.counts;
    return { clients, recovered, messages: delivered, reads: reads - before };
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
    await redis.end();
  }
}
