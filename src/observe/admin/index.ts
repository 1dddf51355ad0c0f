/** What an admin port needs: loaded as one file, when a port opens or a snapshot is taken. */
export { AdminPort } from './admin-port.ts';
export { contentOf } from './server-content.ts';
export { SnapshotsOnDemand } from './snapshots-on-demand.ts';
export { readView } from './view.ts';
export { contentOfWorkers } from './workers-content.ts';
