import { defaultEngine } from '../../../engine/engine.ts';
import { callOptions, checkCallOptions, checkCount } from '../../../options/call-check.ts';
import { MisuseError } from '../../../protocol/errors.ts';
import { EngineInWorker } from './engine.ts';
import { portToPrimary } from './ports.ts';
import { WorkerLink } from './worker-link.ts';
import type { Engine } from '../../engine.ts';

/** Options of {@link workerEngine}. */
export interface WorkerEngineOptions {
  /** Servers of one prefix share topics. 1 to 64 of A–Z, a–z, 0–9, `_`, `.`, `:` and `-`. Default `hawser`. */
  readonly prefix?: string;
}

const OPTIONS = callOptions({
  prefix: {
    fits: (value) => typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value),
    allowed: '1 to 64 letters, digits, _, ., : and -',
  },
});

/**
 * Joins the servers of all workers of one machine: topics have one order, history and presence in all of them. The hub is in the
 * primary process, or the main thread: {@link startWorkers}, or {@link joinWorkers} for workers that the application forks itself.
 * One engine serves one server.
 *
 * @example
 * new WebSocketServer({ cluster: workerEngine(), history: { match: 'room:*' } });
 *
 * @throws MisuseError `ERR_STATE` outside of a worker of `node:cluster` and of a worker thread; `ERR_OPTION` for an unknown option or
 *   a wrong value.
 */
export function workerEngine(options: WorkerEngineOptions = {}): Engine {
  checkCount('workerEngine', arguments, 1);
  checkCallOptions('workerEngine', options, OPTIONS);
  const port = portToPrimary();
  if (port === undefined)
    throw new MisuseError(
      'ERR_STATE',
      'workerEngine() needs a worker, and this is none: start this script with startWorkers({ script }) of hawser/cluster, or leave out the option cluster',
    );
  return new EngineInWorker(defaultEngine.part(WorkerLink), port, options.prefix ?? 'hawser');
}
