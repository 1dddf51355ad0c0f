import type { Writable } from 'node:stream';
import { driverIn, type Connection } from '../../connection/connection.ts';
import { OpenConnections } from '../../connection/open-connections.ts';
import type { Clock } from '../../engine/clock.ts';
import { defaultEngine } from '../../engine/engine.ts';
import { asError } from '../../engine/guarded.ts';
import { verdictOf } from '../../options/call-check.ts';
import { type CaptureOptions, readCaptureArguments } from './capture-options.ts';
import { type CaptureFunction, CaptureSink, type SinkOwner } from './capture-sink.ts';
import { jsonlFormat } from './jsonl-format.ts';
import { pcapngFormat } from './pcapng-format.ts';
import type { CaptureFormat, Recorder } from './recorder.ts';
import { watchCalls } from './shadow.ts';
import { tapConnection, tapStart } from './tap.ts';

/**
 * Why a capture ended: `closed`: its one connection has closed; `stopped`: by {@link Capture.stop}; `aborted`: by its signal;
 * `limit`: at `maxBytes`; `sink-failed`: the sink threw, failed or was closed; `failed`: the predicate threw, or the capture itself
 * failed. `error` of the result tells more about the last two.
 */
export type CaptureEnd = 'closed' | 'stopped' | 'aborted' | 'limit' | 'sink-failed' | 'failed';

/** The result of a capture. */
export interface CaptureResult {
  readonly reason: CaptureEnd;
  /** Connections that were captured. */
  readonly connections: number;
  /** Records written: frames and violations in `jsonl`, packets with data in `pcapng`. */
  readonly records: number;
  /** Records dropped because the sink was slow. */
  readonly droppedRecords: number;
  /** Bytes written. */
  readonly bytes: number;
  readonly error?: Error;
}

/** A running capture. */
export interface Capture extends AsyncDisposable {
  /** Whether it still records. */
  readonly active: boolean;
  /** Ends the capture. Later calls do nothing. @returns Like {@link ended}. */
  stop(): Promise<CaptureResult>;
  /** Resolves when the capture has ended and a stream has written everything. Never rejects. */
  readonly ended: Promise<CaptureResult>;
}

/**
 * Records the frames of connections, in both directions, as they are on the wire below TLS. `hawser inspect` reads both formats,
 * `hawser/testing` replays `jsonl`, and Wireshark opens `pcapng` without settings. A capture never delays a connection. A
 * connection that is not captured is not affected at all.
 *
 * A capture that begins in the middle of a connection begins with the next whole frame; compressed messages can then not be
 * inflated if they refer to earlier ones.
 * @param target A connection, of a server or a client. Or a predicate, called once for each connection of this process that is
 *   open now or opens later, with its `data` set.
 * @param sink Gets the records: a stream, or a function that is called synchronously with one record each: a line with its line
 *   feed (`jsonl`) or bytes (`pcapng`). A stream is ended with the capture, except with `endSink: false`. When it has 4 MiB
 *   buffered, records are dropped and counted. A sink that throws or fails ends the capture, never a connection.
 * @throws MisuseError `ERR_ARGUMENT` for another target or sink; `ERR_OPTION` for an invalid option.
 */
export function capture<UserData>(
  target: Connection<UserData> | ((connection: Connection<UserData>) => boolean),
  sink: Writable | CaptureFunction,
  options?: CaptureOptions,
): Capture;
export function capture(...given: readonly unknown[]): Capture {
  const settings = readCaptureArguments(given);
  const [target, sink] = given as Parameters<typeof capture>;
  const { signal, maxBytes, endSink } = settings;
  const format = settings.format === 'jsonl' ? jsonlFormat(settings.payloadBytes) : pcapngFormat();
  const running = new RunningCapture(sink, format, maxBytes, endSink);
  if (signal?.aborted === true) void running.end('aborted');
  else if (typeof target === 'function') running.watch(target);
  else running.only(target);
  if (running.active && signal !== undefined) running.endWith(signal);
  return running;
}

class RunningCapture implements Capture, SinkOwner {
  readonly ended: Promise<CaptureResult>;
  readonly #format: CaptureFormat;
  readonly #sink: CaptureSink;
  readonly #endSink: boolean;
  /** When the capture began, on each clock. */
  readonly #starts = new Map<Clock, { readonly ms: number; readonly wallMs: number }>();
  readonly #removals = new Map<Connection, () => void>();
  #connections = 0;
  #reason: CaptureEnd | undefined;
  #error: Error | undefined;
  #resolve!: (result: CaptureResult) => void;
  #unwatch: (() => void) | undefined;
  #isOnly = false;

  constructor(sink: Writable | CaptureFunction, format: CaptureFormat, maxBytes: number, endSink: boolean) {
    this.#format = format;
    this.#endSink = endSink;
    this.#sink = new CaptureSink(sink, format, maxBytes, this);
    this.#startOn(defaultEngine.clock);
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (format.opening !== undefined) this.#sink.writeAlways(format.opening);
  }

  get active(): boolean {
    return this.#reason === undefined;
  }

  stop(): Promise<CaptureResult> {
    void this.end('stopped');
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  only(connection: Connection): void {
    this.#isOnly = true;
    if (connection.state === 'closed') void this.end('closed');
    else this.#add(connection);
  }

  watch(predicate: (connection: Connection) => boolean): void {
    const openConnections = defaultEngine.part(OpenConnections);
    const opened = (connection: object): void => {
      try {
        if (verdictOf('capture: the predicate', predicate(connection as Connection)))
          this.#add(connection as Connection);
      } catch (error) {
        this.#failed(error);
      }
    };
    this.#unwatch = openConnections.watch(opened);
    for (const connection of openConnections) if (this.active) opened(connection);
    if (!this.active) this.#unwatch();
  }

  endWith(signal: AbortSignal): void {
    const aborted = (): void => void this.end('aborted');
    signal.addEventListener('abort', aborted);
    void this.ended.then(() => signal.removeEventListener('abort', aborted));
  }

  full(): void {
    void this.end('limit');
  }

  sinkFailed(error: Error): void {
    this.#error ??= error;
    void this.end('sink-failed');
  }

  async end(reason: CaptureEnd): Promise<void> {
    if (!this.active) return;
    this.#reason = reason;
    this.#unwatch?.();
    for (const remove of this.#removals.values()) remove();
    this.#removals.clear();
    await this.#sink.end(reason, this.#endSink);
    const { records, droppedRecords, bytes } = this.#sink;
    const error = this.#error;
    const result = { reason, connections: this.#connections, records, droppedRecords, bytes };
    this.#resolve(error === undefined ? result : { ...result, error });
  }

  #failed(error: unknown): void {
    this.#error ??= asError(error);
    void this.end('failed');
  }

  #add(connection: Connection): void {
    if (this.#removals.has(connection) || !this.active) return;
    const driver = driverIn(connection)!;
    const { link } = driver;
    const { clock } = driver.owner.deadlines;
    const { ms, wallMs } = this.#starts.get(clock) ?? this.#startOn(clock);
    const start = tapStart(link);
    const now = (): number => clock.now() - ms;
    this.#connections++;
    const captured = { connection, driver, start, now, wallNow: () => wallMs + now() };
    const recorder = this.#format.record(captured, this.#sink);
    const untap = tapConnection(link, {
      received: (bytes) => recorder.received(bytes),
      sent: (chunks) => {
        for (const chunk of chunks) recorder.sent(chunk);
      },
      failed: (error) => this.#failed(error),
    });
    const unwatch = watchCalls(link, 'release', { after: () => this.#closed(connection, recorder) });
    this.#removals.set(connection, () => {
      untap();
      unwatch();
    });
    if (!this.active) this.#removals.get(connection)?.();
  }

  #startOn(clock: Clock): { readonly ms: number; readonly wallMs: number } {
    const start = { ms: clock.now(), wallMs: clock.wallNow() };
    this.#starts.set(clock, start);
    return start;
  }

  #closed(connection: Connection, recorder: Recorder): void {
    try {
      recorder.closed(connection.closeInfo!);
    } catch (error) {
      this.#failed(error);
    }
    this.#removals.get(connection)?.();
    this.#removals.delete(connection);
    if (this.#isOnly) void this.end('closed');
  }
}
