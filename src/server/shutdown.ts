import type { CloseInfo } from '../protocol/close-info.ts';
import { checkCloseArguments, isSendableCode } from '../protocol/close.ts';
import { MisuseError } from '../protocol/errors.ts';
import { type Clock, holdProcess } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';

/** Options of a shutdown. */
export interface ShutdownOptions {
  /** Time until the server destroys what is still open. Default 10,000 ms. */
  readonly timeoutMs?: number | undefined;
  /** Close code for all connections: 1001, or 1012 for a restart. Default 1001. */
  readonly code?: number | undefined;
  /** Close reason for all connections. Default `'server shutting down'`. */
  readonly reason?: string | undefined;
  /** How long to keep accepting clients while `ready()` is `false`, for a load balancer to notice. Default 0 ms. */
  readonly readyDelayMs?: number | undefined;
  /** Connections per batch; more if the last batch would otherwise start after half of `timeoutMs`. Default 500. */
  readonly batchSize?: number | undefined;
  /** Time between batches. Default 100 ms. */
  readonly batchIntervalMs?: number | undefined;
  /** Aborting it destroys what is still open, at once. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of a shutdown. */
export interface ShutdownReport {
  /** Connections that ended before the deadline. */
  readonly closed: number;
  /** Destroyed at the deadline. */
  readonly forced: number;
  readonly durationMs: number;
}

/** The progress of a shutdown. */
export interface ShutdownProgress {
  /** Connections that have not ended. */
  readonly open: number;
  readonly closed: number;
  /** Destroyed at the deadline. */
  readonly forced: number;
}

/** {@link ShutdownOptions} with every default filled in. */
export interface ShutdownSettings {
  timeoutMs: number;
  code: number;
  reason: string;
  readyDelayMs: number;
  batchSize: number;
  batchIntervalMs: number;
}

const DEFAULTS: Readonly<ShutdownSettings> = Object.freeze({
  timeoutMs: 10_000,
  code: 1001,
  reason: 'server shutting down',
  readyDelayMs: 0,
  batchSize: 500,
  batchIntervalMs: 100,
});

/** @param options Checked, except the close code. @throws MisuseError `ERR_ARGUMENT` for a code that a server cannot send. */
export function shutdownSettings(options: ShutdownOptions = {}): ShutdownSettings {
  const settings: ShutdownSettings = { ...DEFAULTS };
  for (const name of ['timeoutMs', 'readyDelayMs', 'batchSize', 'batchIntervalMs'] as const)
    settings[name] = options[name] ?? DEFAULTS[name];
  settings.code = options.code ?? DEFAULTS.code;
  settings.reason = options.reason ?? DEFAULTS.reason;
  checkCloseArguments(settings.code, settings.reason, 'server');
  if (!isSendableCode(settings.code, 'server')) {
    throw new MisuseError(
      'ERR_OPTION',
      `shutdown option code is ${settings.code}, which cannot be sent; use 1001, or 1012 for a restart`,
    );
  }
  return settings;
}

/** The driver of a connection, as a shutdown sees it. @internal */
export interface ShutdownConnection {
  closeFor(code: number, reason: string, cause: CloseInfo['cause']): void;
  terminateFor(cause: CloseInfo['cause']): void;
}

/** The server, as a shutdown sees it. @internal */
export interface ShutdownOwner {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Open and closing connections. */
  connections(): Iterable<ShutdownConnection>;
  readonly connectionCount: number;
  /** No connection, handshake or refused socket is left. */
  isEmpty(): boolean;
  /** Closes the listening sockets and refuses pending handshakes. */
  stopListening(): void;
  /** Does what has to be done before connections close, within a few seconds. Never rejects; `undefined` if there is nothing. */
  retire(): Promise<void> | undefined;
  /** Destroys pending sockets, and drops messages that the application has not consumed. */
  abandon(): void;
  shutdownProgress(progress: ShutdownProgress): void;
  /** Called after each end of a connection or handshake. */
  onReleased: (() => void) | undefined;
}

const PROGRESS_EVERY_MS = 1_000;

/** Reports the progress once a second. @returns A function that stops the reports. */
function sayProgress(owner: ShutdownOwner, before: number): () => void {
  let timer: unknown;
  const say = (): void => {
    const open = owner.connectionCount;
    if (open === 0) return;
    timer = owner.clock.setTimer(say, PROGRESS_EVERY_MS);
    owner.shutdownProgress({ open, closed: before - open, forced: 0 });
  };
  say();
  return () => owner.clock.clearTimer(timer);
}

const wait = (clock: Clock, ms: number, stop: Promise<void>): Promise<void> => {
  let timer: unknown;
  const elapsed = new Promise<void>((resolve) => {
    timer = clock.setTimer(resolve, ms);
    holdProcess(timer);
  });
  return Promise.race([elapsed, stop]).finally(() => clock.clearTimer(timer));
};

function shuffled<T>(items: Iterable<T>, random: RandomSource): T[] {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random.fraction() * (i + 1));
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}

/** Destroys a connection. If that throws, the shutdown continues with the others. */
function terminate(connection: ShutdownConnection): void {
  try {
    connection.terminateFor('shutdown');
  } catch {
    // The transport is destroyed nevertheless.
  }
}

/** Sends Close to all connections, in batches and in random order, against a reconnect storm. */
async function closeAll(
  owner: ShutdownOwner,
  settings: ShutdownSettings,
  stop: Promise<void>,
  stopped: () => boolean,
): Promise<void> {
  const list = shuffled(owner.connections(), owner.random);
  const { batchIntervalMs } = settings;
  const batches = Math.max(1, Math.floor(settings.timeoutMs / 2 / Math.max(1, batchIntervalMs)));
  const batchSize = Math.max(settings.batchSize, Math.ceil(list.length / batches));
  for (let at = 0; at < list.length && !stopped(); at += batchSize) {
    if (at > 0) await wait(owner.clock, batchIntervalMs, stop);
    for (const connection of list.slice(at, at + batchSize)) {
      try {
        connection.closeFor(settings.code, settings.reason, 'shutdown');
      } catch {
        terminate(connection);
      }
    }
  }
}

/** Shuts a server down; resolves when its last socket is closed. @internal */
export async function shutDown(
  owner: ShutdownOwner,
  settings: ShutdownSettings,
  signal: AbortSignal | undefined,
): Promise<ShutdownReport> {
  const startedMs = owner.clock.now();
  let aborted = false;
  let abort = (): void => {};
  const stop = new Promise<void>((resolve) => {
    abort = () => {
      aborted = true;
      resolve();
    };
  });
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort);
  try {
    if (settings.readyDelayMs > 0 && !aborted) await wait(owner.clock, settings.readyDelayMs, stop);
    owner.stopListening();
    const before = owner.connectionCount;
    const deadline = owner.clock.setTimer(abort, settings.timeoutMs);
    // Keeps the process alive until the report, even if no socket does.
    holdProcess(deadline);
    const retired = owner.retire();
    if (retired !== undefined) await Promise.race([retired, stop]);
    const stopSaying = sayProgress(owner, before);
    let isEmpty = false;
    const empty = new Promise<void>((resolve) => {
      const check = (): void => {
        if (!owner.isEmpty()) return;
        isEmpty = true;
        resolve();
      };
      owner.onReleased = check;
      check();
    });
    const over = Promise.race([empty, stop]);
    // The last connection may end between two batches: then closeAll stops.
    await closeAll(owner, settings, over, () => aborted || isEmpty);
    await over;
    owner.clock.clearTimer(deadline);
    stopSaying();
    const forced = owner.connectionCount;
    for (const connection of owner.connections()) terminate(connection);
    owner.abandon();
    if (before > 0) owner.shutdownProgress({ open: 0, closed: before - forced, forced });
    await empty;
    return { closed: before - forced, forced, durationMs: Math.round(owner.clock.now() - startedMs) };
  } finally {
    owner.onReleased = undefined;
    signal?.removeEventListener('abort', abort);
  }
}
