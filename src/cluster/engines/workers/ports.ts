import cluster, { type Worker as ProcessWorker } from 'node:cluster';
import { isMainThread, type MessagePort, parentPort, Worker as ThreadWorker } from 'node:worker_threads';
import type { HubPort } from './hub-member.ts';
import type { WorkerPort } from './worker-link.ts';
import { fromWire } from './worker-message.ts';

/** A worker of `node:cluster`, or a worker thread. */
export type AnyWorker = ProcessWorker | ThreadWorker;

/** A channel that has closed is told by its own event, not by each message. */
const ignore = (): void => undefined;

/** The channel of this worker to its primary; `undefined` in a process or thread that is no worker. */
export function portToPrimary(): WorkerPort | undefined {
  if (!isMainThread) return parentPort === null ? undefined : threadPort(parentPort);
  return cluster.worker === undefined ? undefined : processPort(cluster.worker);
}

const processPort = (worker: ProcessWorker): WorkerPort => ({
  send: (message) => void worker.send(message, ignore),
  open(received, closed) {
    worker.on('message', (wire: unknown) => {
      const message = fromWire(wire);
      if (message !== undefined) received(message);
    });
    worker.on('disconnect', closed);
  },
  // The primary disconnects.
  release: ignore,
});

function threadPort(port: MessagePort): WorkerPort {
  let listener: (wire: unknown) => void = ignore;
  return {
    send: (message) => port.postMessage(message),
    open(received, closed) {
      listener = (wire) => {
        const message = fromWire(wire);
        if (message !== undefined) received(message);
      };
      port.on('message', listener);
      port.on('close', closed);
    },
    release: () => void port.off('message', listener),
  };
}

export const isProcess = (worker: AnyWorker): worker is ProcessWorker => !(worker instanceof ThreadWorker);

/** The channel of the primary to a worker. */
export const portToWorker = (worker: AnyWorker): HubPort =>
  isProcess(worker)
    ? {
        kind: 'process',
        id: worker.process.pid ?? 0,
        send: (message) => void worker.send(message, ignore),
        kill: () => void worker.process.kill('SIGKILL'),
      }
    : {
        kind: 'thread',
        id: worker.threadId,
        send: (message) => worker.postMessage(message, []),
        kill: () => void worker.terminate(),
      };
