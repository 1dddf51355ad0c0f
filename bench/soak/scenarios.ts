import type { Scenario } from './scenario.ts';
import { broadcast } from './scenarios/broadcast.ts';
import { churn } from './scenarios/churn.ts';
import { cluster } from './scenarios/cluster.ts';
import { cpuHog } from './scenarios/cpu-hog.ts';
import { exhaustFds } from './scenarios/exhaust-fds.ts';
import { exhaustMemory } from './scenarios/exhaust-memory.ts';
import { many, manyHttp2 } from './scenarios/many.ts';
import { mixed } from './scenarios/mixed.ts';
import { partition } from './scenarios/partition.ts';
import { ramp } from './scenarios/ramp.ts';
import { reconnectStorm } from './scenarios/reconnect-storm.ts';
import { slowConsumers } from './scenarios/slow-consumers.ts';
import { steady } from './scenarios/steady.ts';

/** Every scenario, in the order of `--list`. */
export const SCENARIOS: readonly Scenario[] = [
  steady,
  ramp,
  churn,
  mixed,
  broadcast,
  slowConsumers,
  reconnectStorm,
  partition,
  exhaustFds,
  exhaustMemory,
  cpuHog,
  many,
  manyHttp2,
  cluster,
];
