import { WorkerSnapshots } from './worker-snapshots.ts';
import type { AdminTable, AdminView } from './snapshot.ts';
import type { AdminContent } from './content.ts';
import { textAnswer } from '../endpoint-answers.ts';
import { DEFAULT_VIEW, keyOf } from './view.ts';
import type { WorkersSubject } from './workers-subject.ts';

const RETRY_AFTER_SECONDS = 1;

/** What the admin port of workers shows: the sum of what they do, and each of them. */
export function contentOfWorkers(subject: WorkersSubject): AdminContent & { stop(): void } {
  const snapshots = new WorkerSnapshots(subject);
  const one = (view: AdminView = DEFAULT_VIEW) =>
    snapshots.take([view], () => true).then((taken) => taken.get(keyOf(view))!);
  return {
    snapshots,
    readiness: async () => (await one()).readiness,
    retryAfter: () => RETRY_AFTER_SECONDS,
    metrics: () => subject.workers.metrics(),
    stats: async (ofCluster) => {
      const { stats, cluster } = await one();
      return ofCluster ? cluster : stats;
    },
    connections: async (view): Promise<AdminTable> => (await one(view)).connections,
    act: () => textAnswer(403, 'The admin port of workers has no actions.'),
    stop: () => snapshots.stop(),
  };
}
