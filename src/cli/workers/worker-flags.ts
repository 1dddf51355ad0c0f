import { availableParallelism } from 'node:os';
import { UsageError } from '../command.ts';
import type { Settings } from '../config/settings.ts';
import { type Flag, type FlagValues, wholeNumberOf } from '../flags.ts';

export const WORKER_FLAGS: readonly Flag[] = [
  {
    name: 'workers',
    value: '<n>',
    says: 'run this many processes, which share the port, topics, histories and members; 0: one for each core. Limits are those of each process',
    default: 'this process alone',
  },
];

/**
 * Number of workers to start.
 * @returns `undefined` without the flag.
 * @throws UsageError for a number out of range, or flags that workers cannot have.
 */
export function workerCountOf(flags: FlagValues): number | undefined {
  if (!flags.has('workers')) return undefined;
  const count = wholeNumberOf(flags, 'workers', 0, 0, 1_024);
  if (flags.has('tls-self-signed'))
    throw new UsageError(
      '--tls-self-signed and --workers exclude each other, because each worker would have another certificate: give --tls-cert and --tls-key',
    );
  return count === 0 ? availableParallelism() : count;
}

/** @throws UsageError for options that workers cannot have, from flags, variables or a file. */
export function refuseForWorkers(settings: Settings): void {
  const metrics = settings.get('endpoints.metrics');
  if (metrics !== undefined && metrics.value !== false && !settings.has('admin.port'))
    throw new UsageError(
      `${metrics.label} with --workers needs --admin-port <n>: the metrics of all workers are at /metrics of that port`,
    );
  const actions = settings.get('admin.actions');
  if (actions?.value === true)
    throw new UsageError(
      `${actions.label} and --workers exclude each other: the admin port of workers shows them, and changes nothing`,
    );
}
