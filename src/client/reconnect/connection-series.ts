import type { CloseInfo } from '../../protocol/close-info.ts';
import { ConnectError } from '../../protocol/connect-error.ts';
import type { DeadlineQueue } from '../../engine/deadlines.ts';
import type { Engine } from '../../engine/engine.ts';
import { asError } from '../../engine/guarded.ts';
import { clientOwnerOf } from '../client-owner.ts';
import { type ClientConnection, connectWith } from '../connect.ts';
import { setKeepingTimer } from '../../engine/clock.ts';
import type { EndInfo, RetryInfo } from './reconnect-events.ts';
import type { DownInfo } from '../../options/reconnect-options.ts';
import type { Asked } from '../../options/retry-options.ts';
import { type Reaction, reactionAfter } from './close-reactions.ts';
import { reactionToClose, reactionToError } from './reconnect-rules.ts';
import { ReconnectSource } from './reconnect-source.ts';
import { moveReconnect, type ReconnectCause, type ReconnectState } from './reconnect-states.ts';
import type { ReconnectSettings } from '../../options/resolve-reconnect-options.ts';
import { RetryPlan } from './retry-plan.ts';
import { SleepWatch } from './sleep-watch.ts';

/** Callbacks of a {@link ConnectionSeries}. Each of them may stop the series. */
export interface SeriesOwner {
  opened(connection: ClientConnection): void;
  /** The connection is no longer open. */
  left(): void;
  /** The connection is closed, and there is no other one yet. */
  lost(connection: ClientConnection, info: CloseInfo): void;
  /** The next attempt is planned. */
  retrying(info: RetryInfo): void;
  /** There is no further attempt. Called once; the series ends an open connection after it. */
  stopped(end: EndInfo): void;
  /** A function of the application threw. */
  listenerFailed(error: unknown, where: string): void;
  /** `url`, `protocols`, `headers` or `token` threw, or returned an invalid value. */
  sourceFailed(error: unknown): void;
  /** False while the client does not read. Then silence of the server proves nothing. */
  readonly isReading: boolean;
}

/**
 * One connection after another: asks for URL and credentials, dials, waits, and retries as long as the rules allow. Knows
 * nothing of messages.
 */
export class ConnectionSeries {
  state: ReconnectState = 'connecting';
  /** The current connection. */
  connection: ClientConnection | undefined;
  /** Set when the series was stopped. */
  end: EndInfo | undefined;

  readonly #owner: SeriesOwner;
  readonly #settings: ReconnectSettings;
  readonly #engine: Engine;
  readonly #deadlines: DeadlineQueue;
  readonly #source: ReconnectSource;
  readonly #plan: RetryPlan<DownInfo>;
  /** Only while connecting. */
  #attempt: AbortController | undefined;
  /** Only while waiting. */
  #timer: unknown;
  #sleepWatch: SleepWatch | undefined;

  /** @throws MisuseError `ERR_ARGUMENT` for an invalid URL. */
  constructor(owner: SeriesOwner, url: Asked<string | URL>, settings: ReconnectSettings, engine: Engine) {
    this.#owner = owner;
    this.#settings = settings;
    this.#engine = engine;
    this.#deadlines = engine.deadlinesOf(settings.connection.clock);
    this.#source = new ReconnectSource(url, settings);
    this.#plan = new RetryPlan(settings, this.#source.canChange);
  }

  /** Attempts in a row without a stable connection. */
  get attempts(): number {
    return this.#plan.attempts;
  }

  /** Makes the first attempt, unless the series was stopped before. */
  begin(): void {
    if (this.state === 'connecting') void this.#connect();
  }

  /**
   * Makes no further attempt. Later calls do nothing.
   * @param part Ends the connection, if there is one.
   */
  stop(end: EndInfo, part: (connection: ClientConnection) => void): void {
    if (this.end !== undefined) return;
    this.end = end;
    this.#move('stop');
    this.#attempt?.abort();
    this.#attempt = undefined;
    this.#settings.connection.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#owner.stopped(end);
    if (this.connection !== undefined) part(this.connection);
  }

  /** The series was stopped, its last connection is closed, and no message is undelivered. */
  finish(): void {
    this.#move('ended');
  }

  #move(cause: ReconnectCause): void {
    this.state = moveReconnect(this.state, cause);
  }

  /** Makes one attempt. After an abort, its result is ignored. */
  async #connect(): Promise<void> {
    const attempt = new AbortController();
    const { signal } = attempt;
    this.#attempt = attempt;
    let connection: ClientConnection;
    try {
      const { url, options, credentials } = await this.#source.ask({ attempt: this.attempts, signal });
      if (signal.aborted) return;
      const turnedAway = this.#plan.bring(credentials);
      if (turnedAway !== undefined) {
        this.#giveUp({ why: 'credentials', ...turnedAway });
        return;
      }
      connection = await connectWith(this.#engine, [url, options]);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ConnectError)) this.#owner.sourceFailed(error);
      this.#down({ error: asError(error) }, reactionToError(error));
      return;
    }
    if (signal.aborted) connection.terminate();
    else this.#opened(connection);
  }

  #opened(connection: ClientConnection): void {
    this.#attempt = undefined;
    this.connection = connection;
    this.#move('opened');
    this.#plan.opened(this.#now());
    clientOwnerOf(connection).onStateChange = () => this.#left();
    this.#sleepWatch = new SleepWatch(
      connection,
      this.#deadlines,
      this.#settings.connection.pongTimeoutMs,
      () => this.#owner.isReading,
    );
    this.#owner.opened(connection);
    // The connection may have closed before the promise of `connect` resumed. Then there is no further event.
    if (connection.state !== 'open') this.#left();
    void connection.closed.then((info) => this.#ended(connection, info));
  }

  /** The connection is no longer open. */
  #left(): void {
    this.#sleepWatch?.stop();
    this.#sleepWatch = undefined;
    this.#owner.left();
    if (this.state === 'open') this.#move('leaving');
  }

  #ended(connection: ClientConnection, info: CloseInfo): void {
    this.connection = undefined;
    this.#plan.lost(this.#now());
    if (this.end !== undefined) this.end = { ...this.end, close: info };
    this.#owner.lost(connection, info);
    if (this.state === 'ending') this.#down({ close: info }, reactionToClose(info));
  }

  /** Decides, without a connection, whether to retry. */
  #down(info: DownInfo, byRule: Reaction): void {
    this.#attempt = undefined;
    const reaction = reactionAfter(byRule, this.#settings.shouldReconnect, info, this.#owner);
    // The application may have closed it in the meantime.
    if (this.state !== 'connecting' && this.state !== 'ending') return;
    const { clock, random } = this.#settings.connection;
    const retryAfterMs = info.error instanceof ConnectError ? info.error.retryAfterMs : undefined;
    const next = this.#plan.next(reaction, info, random.fraction(), retryAfterMs);
    if (typeof next === 'string') {
      this.#giveUp({ why: next, ...info });
      return;
    }
    this.#move('retry');
    this.#timer = setKeepingTimer(clock, () => this.#due(), next.delayMs);
    this.#owner.retrying({ ...next, ...info });
  }

  #due(): void {
    this.#timer = undefined;
    this.#move('due');
    void this.#connect();
  }

  #giveUp(end: EndInfo): void {
    this.stop(end, () => {});
  }

  #now(): number {
    return this.#settings.connection.clock.now();
  }
}
