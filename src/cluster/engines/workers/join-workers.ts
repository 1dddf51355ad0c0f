import { defaultEngine } from '../../../engine/engine.ts';
import {
  callOptions,
  checkArgument,
  checkCallOptions,
  checkCount,
  wholeNumber,
} from '../../../options/call-check.ts';
import { Hub } from './hub.ts';
import { joinHub } from './launchers.ts';
import { type AnyWorker, isProcess } from './ports.ts';

const WORKER = {
  fits: (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    ('threadId' in value || ('process' in value && 'send' in value && typeof value.send === 'function')),
  allowed: 'a worker of node:cluster, or a worker thread',
};

/**
 * Lets a worker that the application started itself use {@link workerEngine}: the hub is in this process. Call it right after `cluster.fork()`
 * or `new Worker()`, and for each worker that replaces another. Set `serialization: 'advanced'` in `cluster.setupPrimary()`. The
 * application restarts its workers; the hub kills one that acknowledges nothing for 10 seconds.
 *
 * @throws MisuseError `ERR_ARGUMENT` for anything but a worker; `ERR_STATE` for a worker that has joined before, or is one of
 *   {@link startWorkers}.
 */
export function joinWorkers(worker: AnyWorker): void {
  checkCount('joinWorkers', arguments, 1);
  checkArgument('joinWorkers', 'worker', worker, WORKER);
  const hub = defaultEngine.part(Hub);
  const member = joinHub(hub, worker);
  const leave = (): void => hub.leave(member);
  if (isProcess(worker)) worker.once('disconnect', leave);
  worker.once('exit', leave);
}

const DEADLINE = callOptions({ deadlineMs: wholeNumber(1, 2 ** 31 - 1) });

/**
 * The metrics of all workers that this process started or joined, as `workers.metrics()` of {@link startWorkers} gives them.
 * @throws MisuseError `ERR_OPTION` for an unknown option or a wrong value.
 */
export function workerMetrics(options: { readonly deadlineMs?: number } = {}): Promise<string> {
  checkCount('workerMetrics', arguments, 1);
  checkCallOptions('workerMetrics', options, DEADLINE);
  return defaultEngine.part(Hub).metrics(options.deadlineMs ?? 2_000);
}
