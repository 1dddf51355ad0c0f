import { size } from '../../../src/load/index.ts';
import { keptRate, noneLeft, undisturbed } from '../judge.ts';
import type { Scenario } from '../scenario.ts';

const SIZES = [1_024, 10_240];

/** One client sends to all others, first small messages, then larger ones. */
export const broadcast: Scenario = {
  name: 'broadcast',
  summary: 'one client sends to all others, --rate messages a second, 1 KiB and then 10 KiB',
  defaults: { minutes: 2, connections: 1_000, rate: 10 },
  async run({ open, connections, rate, durationMs }) {
    const stage = await open({ server: { roles: ['relay'], options: { maxConnections: connections + 10 } } });
    const criteria = [];
    const figures: Record<string, unknown> = {};
    for (const bytes of SIZES) {
      const name = `${size(bytes)} to all`;
      stage.mark(name);
      const fanOut = await stage.load(name, 'relay', {
        mode: 'fan-out',
        connections,
        payload: { bytes, binary: true, multibyte: false },
        ratePerSecond: rate,
        durationMs: durationMs / SIZES.length,
      });
      criteria.push(
        ...undisturbed(name, fanOut, connections),
        ...keptRate(name, fanOut),
        await noneLeft(stage),
      );
      figures[name] = fanOut;
    }
    return { criteria, figures };
  },
};
