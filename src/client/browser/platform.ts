import type { TimerClock } from '../topics/topics-host.ts';

/** Members of the events `message` (`data`) and `close` (the others). */
export interface SocketEvent {
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly wasClean?: boolean;
}

/** What the client uses of the browser's `WebSocket`. Types of its own, so that neither lib "dom" nor Node's types are needed. */
export interface BrowserSocket {
  binaryType: string;
  readonly protocol: string;
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  readonly bufferedAmount: number;
  addEventListener(name: 'open' | 'message' | 'close', listener: (event: SocketEvent) => void): void;
  send(data: string | ArrayBufferView | ArrayBuffer): void;
  close(code?: number, reason?: string): void;
}

/** What has events: a window, a worker's scope, a document. */
export interface EventSource {
  addEventListener(name: string, listener: (event: { readonly persisted?: boolean }) => void): void;
  removeEventListener(name: string, listener: (event: { readonly persisted?: boolean }) => void): void;
  readonly visibilityState?: string;
}

/** The browser, as the client sees it. A test passes its own. */
export interface Platform extends TimerClock {
  /** Monotonic time in ms. */
  now(): number;
  /** Wall time in ms. */
  wallNow(): number;
  /** Random; from 0 up to, not including, 1. */
  fraction(): number;
  /** @throws For a URL or a subprotocol that is not valid. */
  dial(url: string, protocols: readonly string[]): BrowserSocket;
  /** Shows a failure that no listener takes, as an uncaught error. */
  report(error: unknown): void;
  /** The window, or the scope of a worker. */
  readonly scope: EventSource | undefined;
  /** Missing in workers. */
  readonly page: EventSource | undefined;
}

/** Members of the global object that are used here. */
interface BrowserGlobal extends Partial<EventSource> {
  readonly WebSocket?: new (url: string, protocols: string[]) => BrowserSocket;
  readonly document?: EventSource;
  reportError?(error: unknown): void;
}

/** The platform of this page or worker. */
export function platformOf(global: BrowserGlobal): Platform {
  return {
    now: () => performance.now(),
    wallNow: () => Date.now(),
    fraction: () => Math.random(),
    setTimer: (callback, delayMs) => setTimeout(callback, delayMs),
    clearTimer: (timer) => clearTimeout(timer as never),
    dial: (url, protocols) => {
      if (global.WebSocket === undefined) throw new TypeError('there is no global WebSocket');
      return new global.WebSocket(url, [...protocols]);
    },
    report: (error) => {
      if (global.reportError !== undefined) global.reportError(error);
      else
        setTimeout(() => {
          throw error;
        });
    },
    scope: global.addEventListener === undefined ? undefined : (global as EventSource),
    page: global.document,
  };
}
