import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { BrowserDriver } from '../../../src/client/browser/browser-driver.ts';
import type { ReconnectEvents } from '../../../src/client/browser/browser-events.ts';
import type { ReconnectOptions } from '../../../src/client/browser/browser-options.ts';
import type {
  BrowserSocket,
  EventSource,
  Platform,
  SocketEvent,
} from '../../../src/client/browser/platform.ts';
import { eventLoopTurns, VirtualClock } from '../../../src/testing/index.ts';

/** A `WebSocket` whose other end is the test. */
export class FakeSocket implements BrowserSocket {
  binaryType = 'blob';
  protocol = '';
  readyState = 0;
  bufferedAmount = 0;
  readonly #listeners = new Map<string, (event: SocketEvent) => void>();
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: unknown[] = [];
  /** Arguments of each call of `close`. */
  readonly closes: unknown[] = [];

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  addEventListener(name: string, listener: (event: SocketEvent) => void): void {
    this.#listeners.set(name, listener);
  }

  send(data: unknown): void {
    assert.equal(this.readyState, 1);
    this.sent.push(data);
  }

  close(code?: number, reason?: string): void {
    if (this.readyState < 2) this.closes.push([code, reason]);
    this.readyState = Math.max(2, this.readyState);
  }

  open(protocol = ''): void {
    this.protocol = protocol;
    this.readyState = 1;
    this.#listeners.get('open')?.({});
  }

  receive(data: unknown): void {
    this.#listeners.get('message')?.({ data });
  }

  end(code = 1006, wasClean = code !== 1006): void {
    this.readyState = 3;
    this.#listeners.get('close')?.({ code, reason: '', wasClean });
  }
}

/** A window, worker scope or document that the test fires events at. */
export class FakeSource implements EventSource {
  visibilityState = 'visible';
  readonly #listeners = new Map<string, Set<(event: { persisted?: boolean }) => void>>();

  addEventListener(name: string, listener: (event: { persisted?: boolean }) => void): void {
    this.#listeners.set(name, (this.#listeners.get(name) ?? new Set()).add(listener));
  }
  removeEventListener(name: string, listener: (event: { persisted?: boolean }) => void): void {
    this.#listeners.get(name)?.delete(listener);
  }
  fire(name: string, event: { persisted?: boolean } = {}): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(event);
  }
  get listeners(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }
}

export interface Page {
  readonly driver: BrowserDriver;
  readonly clock: VirtualClock;
  readonly sockets: FakeSocket[];
  /** The last socket. */
  readonly socket: () => FakeSocket;
  readonly scope: FakeSource;
  readonly page: FakeSource;
  readonly told: (readonly [name: string, ...args: unknown[]])[];
  readonly reported: unknown[];
  /** Frames that the last socket sent, as values. */
  readonly frames: () => Record<string, unknown>[];
}

const NAMES = ['open', 'message', 'down', 'retry', 'giveUp', 'unsent', 'close', 'error'] as const;

/** A client in a page of the test. @param silent Events without a listener. */
export async function openPage(
  t: TestContext,
  options: ReconnectOptions = {},
  url: ConstructorParameters<typeof BrowserDriver>[0] = 'ws://a.example/',
  silent: readonly (keyof ReconnectEvents)[] = [],
  changes: Partial<Platform> = {},
): Promise<Page> {
  const clock = new VirtualClock();
  const sockets: FakeSocket[] = [];
  const scope = new FakeSource();
  const page = new FakeSource();
  const reported: unknown[] = [];
  const platform: Platform = {
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    setTimer: (callback, delayMs) => clock.setTimer(callback, delayMs),
    clearTimer: (timer) => clock.clearTimer(timer),
    fraction: () => 0.5,
    dial: (address, protocols) => {
      const socket = new FakeSocket(address, protocols);
      sockets.push(socket);
      return socket;
    },
    report: (error) => void reported.push(error),
    scope,
    page,
    ...changes,
  };
  const driver = new BrowserDriver(url, options, platform);
  driver.client = {};
  const told: (readonly [name: string, ...args: unknown[]])[] = [];
  for (const name of NAMES)
    if (!silent.includes(name))
      driver.listeners.add(name, (...args: unknown[]) => void told.push([name, ...args]), false);
  driver.start();
  t.after(() => {
    driver.series.stop({ why: 'abort' });
    assert.deepEqual(
      [driver.series.state, clock.pendingTimers, scope.listeners, page.listeners],
      ['closed', 0, 0, 0],
    );
  });
  await eventLoopTurns(2);
  return {
    driver,
    clock,
    sockets,
    socket: () => sockets.at(-1)!,
    scope,
    page,
    told,
    reported,
    frames: () =>
      sockets
        .at(-1)!
        .sent.splice(0)
        .map((text) => JSON.parse(text as string) as Record<string, unknown>),
  };
}

/** Advances the clock, and lets promises settle. */
export async function pass(clock: VirtualClock, ms: number): Promise<void> {
  clock.advance(ms);
  await eventLoopTurns(2);
}
