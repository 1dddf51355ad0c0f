import cluster from 'node:cluster';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker as ThreadWorker } from 'node:worker_threads';
import { MisuseError } from '../../../protocol/errors.ts';
import type { Hub } from './hub.ts';
import type { HubMember } from './hub-member.ts';
import { type AnyWorker, portToWorker } from './ports.ts';
import type { Launch, WorkerExit } from './supervisor.ts';
import { fromWire } from './worker-message.ts';

/** What every worker is started with. */
export interface LaunchSettings {
  readonly script: string | URL;
  readonly args: () => readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A worker whose servers have shut down gets this time for the rest of its work, in ms, before SIGTERM ends it. */
const REST_MS = 1_000;
/** Share of the deadline that the servers of a worker get for their connections. */
const SHARE = 0.8;

/** Workers of `node:cluster`: they share their ports. */
export const processLauncher =
  (hub: Hub, { script, args, env }: LaunchSettings): Launch =>
  (number, up, exited) => {
    const exec = script instanceof URL ? fileURLToPath(script) : script;
    cluster.setupPrimary({ exec, args: [...args()], serialization: 'advanced' });
    const worker = cluster.fork({ ...env, HAWSER_WORKER: String(number) });
    const child = worker.process;
    let error: Error | undefined;
    const member = joinHub(hub, worker, (reason) => {
      error = reason;
    });
    // A process that cannot be started has no exit.
    let isOver = false;
    const end = (exit: WorkerExit): void => {
      if (isOver) return;
      isOver = true;
      hub.leave(member);
      exited({ ...exit, error: exit.error ?? error });
    };
    worker.once('online', up);
    worker.on('error', (reason: Error) => {
      if (child.pid === undefined) end({ code: null, signal: null, error: reason });
    });
    worker.once('exit', (code: number | null, signal: string | null) => end({ code, signal }));
    return {
      id: child.pid ?? 0,
      stop: (deadlineMs) =>
        void stopInOrder(hub, member, deadlineMs, {
          leave: () => worker.disconnect(),
          end: () => void child.kill('SIGTERM'),
          isOver: () => isOver,
        }),
      kill: () => void child.kill('SIGKILL'),
    };
  };

/** Worker threads: they share the process, but no ports. */
export const threadLauncher =
  (hub: Hub, { script, args, env }: LaunchSettings): Launch =>
  (number, up, exited) => {
    const worker = new ThreadWorker(script, {
      argv: [...args()],
      env: { ...process.env, ...env, HAWSER_WORKER: String(number) },
      name: `worker ${number}`,
    });
    const { threadId } = worker;
    let error: Error | undefined;
    const member = joinHub(hub, worker, (reason) => {
      error = reason;
    });
    let isOver = false;
    worker.once('online', up);
    worker.on('error', (reason: Error) => {
      error ??= reason;
    });
    worker.once('exit', (code) => {
      isOver = true;
      hub.leave(member);
      exited({ code, signal: null, error });
    });
    const end = (): void => void worker.terminate();
    return {
      id: threadId,
      stop: (deadlineMs) =>
        void stopInOrder(hub, member, deadlineMs, { leave: () => undefined, end, isOver: () => isOver }),
      kill: end,
    };
  };

/**
 * Connects the channel of a worker with the hub.
 * @param killed Called if the hub killed the worker.
 * @throws MisuseError `ERR_STATE` for a worker that has joined before.
 */
export function joinHub(hub: Hub, worker: AnyWorker, killed?: (error: Error) => void): HubMember {
  if (!hub.claim(worker))
    throw new MisuseError(
      'ERR_STATE',
      'joinWorkers: this worker has joined the hub; call it once for each worker, and not for workers of startWorkers()',
    );
  const member = hub.join(portToWorker(worker), killed);
  const channel: { on(event: 'message', listener: (wire: unknown) => void): unknown } = worker;
  channel.on('message', (wire) => {
    const message = fromWire(wire);
    if (message !== undefined) member.received(message);
  });
  return member;
}

interface Ending {
  /** Closes the channel, so that it does not keep the worker alive. */
  leave(): void;
  /** Tells the worker to end. */
  end(): void;
  isOver(): boolean;
}

/** Shuts down the servers of a worker; then its process or thread has a moment to end by itself. */
async function stopInOrder(hub: Hub, member: HubMember, deadlineMs: number, ending: Ending): Promise<void> {
  // Killed at the deadline; the servers end their connections before.
  const hasServers = (await member.ask('stop', Math.max(1, Math.floor(deadlineMs * SHARE)))) !== undefined;
  if (ending.isOver()) return;
  if (!hasServers) return ending.end();
  ending.leave();
  hub.clock.setTimer(() => {
    if (!ending.isOver()) ending.end();
  }, REST_MS);
}
