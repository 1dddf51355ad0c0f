import { flat, flatnessOf, keptRate, noneLeft, undisturbed } from '../judge.ts';
import type { Scenario } from '../scenario.ts';

/** The same connections send at the same rate all the time. */
export const steady: Scenario = {
  name: 'steady',
  summary: 'the same connections send at the same rate; memory must be flat',
  defaults: { minutes: 10, connections: 1_000, rate: 1_000 },
  async run({ open, connections, rate, durationMs }) {
    const stage = await open({ server: { roles: ['echo'], options: { maxConnections: connections + 10 } } });
    const echo = await stage.load('echo', 'echo', { connections, ratePerSecond: rate, durationMs });
    const endMs = stage.nowMs;
    const flatness = flatnessOf(stage, endMs - durationMs / 2, endMs);
    return {
      criteria: [
        ...undisturbed('echo', echo, connections),
        await noneLeft(stage),
        ...keptRate('echo', echo),
        ...flat(flatness, durationMs),
      ],
      figures: { echo, flatness },
    };
  },
};
