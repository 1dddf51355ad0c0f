import type { Scenario } from './scenario.ts';
import { churn } from './scenarios/churn.ts';
import { steady } from './scenarios/steady.ts';

/** Every scenario, in the order of `--list`. */
export const SCENARIOS: readonly Scenario[] = [steady, churn];
