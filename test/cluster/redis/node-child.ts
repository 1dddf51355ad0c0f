import process from 'node:process';
import { redisEngine } from '../../../src/cluster/index.ts';
import { systemClock } from '../../../src/engine/clock.ts';
import { systemRandom } from '../../../src/engine/random.ts';
import { RULE, TestNode } from '../recorded.ts';
import { CLIENTS } from './clients.ts';

// Publishes numbers without end, until it is killed.
const node = new TestNode({
  clock: systemClock,
  random: systemRandom,
  history: [{ ...RULE, maxMessages: 10_000 }],
  engine: redisEngine({ client: CLIENTS[0]!.client(Number(process.argv[2])) }),
});
for (let i = 1; ; i++) {
  const published = node.publish('news', `child ${i}`);
  if (i % 8 === 0) await published;
}
