import { answerOf, type Asked } from '../../options/retry-options.ts';
import { type Reaction, reactionAfter, reactionToCode } from '../reconnect/close-reactions.ts';
import { drawDelayMs } from '../reconnect/backoff.ts';
import { moveReconnect, type ReconnectState } from '../reconnect/reconnect-states.ts';
import { RetryPlan } from '../reconnect/retry-plan.ts';
import { OperationError } from '../topics/operation-error.ts';
import type { CloseInfo, DownInfo, EndInfo, RetryInfo } from './browser-events.ts';
import { type BrowserSettings, offeredProtocols } from './browser-options.ts';
import { type PageOwner, watchPage } from './page-signals.ts';
import type { BrowserSocket, Platform, SocketEvent } from './platform.ts';

/** Time for the closing handshake, in ms. A browser waits much longer if the network is gone. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Callbacks of a {@link BrowserSeries}. Each of them may stop the series. */
export interface SeriesOwner {
  opened(socket: BrowserSocket): void;
  received(data: unknown): void;
  /** The connection is gone. */
  lost(): void;
  down(info: DownInfo): void;
  retrying(info: RetryInfo): void;
  /** There is no further attempt. Called once. */
  stopped(end: EndInfo): void;
  /** The last connection is closed. */
  finished(end: EndInfo): void;
  /** Finds out whether the connection is alive. @returns False if it cannot. */
  probe(): boolean;
  listenerFailed(error: unknown, where: string): void;
}

/** One connection after another: asks for URL and credentials, dials, waits, and retries as long as the rules allow. */
export class BrowserSeries implements PageOwner {
  state: ReconnectState = 'connecting';
  socket: BrowserSocket | undefined;
  /** Set when the series was stopped. */
  end: EndInfo | undefined;

  readonly #owner: SeriesOwner;
  readonly #url: Asked<string | URL>;
  readonly #settings: BrowserSettings;
  readonly #platform: Platform;
  readonly #plan: RetryPlan<DownInfo>;
  #attempt: AbortController | undefined;
  /** Of the attempt, the delay, or the closing handshake. */
  #timer: unknown;
  /** When the next attempt is due; only while waiting. */
  #dueMs = 0;
  #unwatch: () => void = () => {};

  constructor(owner: SeriesOwner, url: Asked<string | URL>, settings: BrowserSettings, platform: Platform) {
    this.#owner = owner;
    this.#url = url;
    this.#settings = settings;
    this.#platform = platform;
    const canChange = [url, settings.protocols, settings.token].some((asked) => typeof asked === 'function');
    this.#plan = new RetryPlan(settings, canChange);
  }

  get attempts(): number {
    return this.#plan.attempts;
  }

  begin(): void {
    if (this.state !== 'connecting') return;
    this.#unwatch = watchPage(this.#platform, this);
    void this.#connect();
  }

  /** Makes no further attempt. Later calls do nothing. @param code Without it, there is no closing handshake. */
  stop(end: EndInfo, code?: number, reason?: string): void {
    if (this.end !== undefined) {
      if (code === undefined) this.#finish();
      return;
    }
    this.end = end;
    const { socket } = this;
    this.state = moveReconnect(this.state, 'stop');
    this.#attempt?.abort();
    this.#attempt = undefined;
    this.#setTimer(undefined);
    this.#unwatch();
    this.#owner.stopped(end);
    if (socket?.readyState !== 1 || code === undefined) this.#finish();
    else {
      socket.close(code, reason);
      this.#setTimer(() => this.#finish(), CLOSE_TIMEOUT_MS);
    }
  }

  /** The connection is dead, although it is open. */
  drop(reason: string): void {
    if (this.state === 'open') this.#closed({ code: 1006, reason, wasClean: false });
  }

  mayBeReachable(): void {
    if (this.state === 'open') this.#probe();
    if (this.state !== 'waiting') return;
    const delayMs = drawDelayMs(this.#settings.baseDelayMs, this.#platform.fraction());
    if (this.#platform.now() + delayMs < this.#dueMs) this.#wait(delayMs);
  }

  mayBeCut(): void {
    if (this.state === 'open') this.#probe();
  }

  #probe(): void {
    // A page in the back/forward cache may miss the event of the end.
    if (this.socket!.readyState !== 1) this.drop('the browser closed the connection');
    else this.#owner.probe();
  }

  async #connect(): Promise<void> {
    const attempt = new AbortController();
    const { signal } = attempt;
    this.#attempt = attempt;
    const { protocols, token, connectTimeoutMs } = this.#settings;
    this.#setTimer(() => {
      attempt.abort();
      this.#failed(new OperationError('connect-timeout', `no connection within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    try {
      const context = { attempt: this.attempts, signal };
      const [url, names, secret] = await Promise.all([
        answerOf(this.#url, context),
        answerOf(protocols, context),
        answerOf(token, context),
      ]);
      if (signal.aborted) return;
      const offered = offeredProtocols(names, secret);
      const turnedAway = this.#plan.bring(JSON.stringify([String(url), offered]));
      if (turnedAway !== undefined) this.stop({ why: 'credentials', ...turnedAway });
      else this.#dial(String(url), offered);
    } catch (error) {
      if (!signal.aborted) this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #dial(url: string, offered: readonly string[]): void {
    let socket: BrowserSocket;
    try {
      socket = this.#platform.dial(url, offered);
    } catch (error) {
      // An invalid URL or subprotocol: the next attempt would fail, too.
      this.#failed(error as Error, 'stay-away');
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    // After the client left a connection, its events do not count.
    const on = (name: 'open' | 'message' | 'close', listener: (event: SocketEvent) => void): void =>
      socket.addEventListener(name, (event) => {
        if (this.socket === socket) listener(event);
      });
    on('open', () => this.#opened(socket));
    on('message', ({ data }) => this.#owner.received(data));
    on('close', ({ code = 1006, reason = '', wasClean = false }) => this.#closed({ code, reason, wasClean }));
  }

  #opened(socket: BrowserSocket): void {
    this.#attempt = undefined;
    this.#setTimer(undefined);
    this.state = moveReconnect(this.state, 'opened');
    this.#plan.opened(this.#platform.now());
    this.#owner.opened(socket);
  }

  #closed(close: CloseInfo): void {
    if (this.state === 'connecting') {
      this.#failed(
        new OperationError('connect', 'the connection could not be made; the browser does not say why'),
      );
      return;
    }
    const wasOpen = this.state === 'open';
    this.#release();
    if (wasOpen) {
      this.state = moveReconnect(this.state, 'leaving');
      this.#plan.lost(this.#platform.now());
      this.#owner.lost();
    } else {
      if (this.end !== undefined) this.end = { ...this.end, close };
      this.#finish();
      return;
    }
    // A listener may have stopped the client.
    if (this.state === 'ending') this.#owner.down({ close });
    if (this.state === 'ending') this.#retry({ close }, reactionToCode(close.wasClean ? close.code : 1006));
  }

  /** The attempt failed. */
  #failed(error: Error, reaction: Reaction = 'again'): void {
    this.#attempt = undefined;
    this.#release();
    this.#retry({ error }, reaction);
  }

  #retry(info: DownInfo, byRule: Reaction): void {
    this.#setTimer(undefined);
    const reaction = reactionAfter(byRule, this.#settings.shouldReconnect, info, this.#owner);
    if (this.state !== 'connecting' && this.state !== 'ending') return;
    const next = this.#plan.next(reaction, info, this.#platform.fraction());
    if (typeof next === 'string') {
      this.stop({ why: next, ...info });
      return;
    }
    this.state = moveReconnect(this.state, 'retry');
    this.#wait(next.delayMs);
    this.#owner.retrying({ ...next, ...info });
  }

  #wait(delayMs: number): void {
    this.#dueMs = this.#platform.now() + delayMs;
    this.#setTimer(() => {
      this.state = moveReconnect(this.state, 'due');
      void this.#connect();
    }, delayMs);
  }

  #finish(): void {
    if (this.state !== 'closing') return;
    this.#setTimer(undefined);
    this.#release();
    this.state = moveReconnect(this.state, 'ended');
    this.#owner.finished(this.end!);
  }

  /** Leaves the connection, and closes it if it is not closed. */
  #release(): void {
    const { socket } = this;
    if (socket === undefined) return;
    this.socket = undefined;
    socket.close();
  }

  #setTimer(callback: (() => void) | undefined, delayMs = 0): void {
    this.#platform.clearTimer(this.#timer);
    this.#timer = callback === undefined ? undefined : this.#platform.setTimer(callback, delayMs);
  }
}
