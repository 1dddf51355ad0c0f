import { runAction } from './actions.ts';
import { ConnectionScan } from './connection-scan.ts';
import { paceOf } from './slices.ts';
import type { AdminTable, AdminView } from './snapshot.ts';
import { Snapshots } from './snapshots.ts';
import type { AdminContent } from './content.ts';
import type { AdminSubject } from './subject.ts';
import { keyOf } from './view.ts';

/** What the admin port of one server shows and does. */
export function contentOf(subject: AdminSubject): AdminContent {
  const { clock, connections } = subject;
  /** One scan at a time: each holds the event loop for a part of its time. */
  let scanning: Promise<unknown> = Promise.resolve();
  return {
    snapshots: new Snapshots(subject),
    readiness: () => subject.readiness(),
    retryAfter: () => subject.retryAfter(),
    metrics: () => subject.metrics(),
    stats: (ofCluster) => (ofCluster ? subject.cluster.stats() : subject.stats()),
    connections: (view: AdminView) => {
      const scan = async (): Promise<AdminTable> => {
        const scanner = new ConnectionScan(paceOf(clock));
        const tables = await scanner.tables(connections, [view], clock.wallNow(), () => true);
        return tables!.get(keyOf(view))!;
      };
      const table = scanning.then(scan);
      scanning = table.catch(() => undefined);
      return table;
    },
    act: (request) => runAction(subject, request),
  };
}
