import type { Scenario } from '../scenario.ts';

// Loaded only when it runs: it needs clients of Redis.
const load = () => import('../cluster-soak.ts');

/** Nodes of a cluster are killed at random and started again, and Redis closes all connections now and then. */
export const cluster: Scenario = {
  name: 'cluster',
  summary: 'three nodes on Redis, killed at random: no message is lost silently or comes twice',
  defaults: { minutes: 10, connections: 500, rate: 1_000 },
  unavailable: async () => (await load()).unavailable,
  run: async (context) => (await load()).clusterSoak(context),
};
