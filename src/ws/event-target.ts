import type { EventEmitter } from 'node:events';
import type { Buffer } from 'node:buffer';
import type { ReadyState } from './ready-states.ts';

/** The handler behind a wrapper that is a listener of the emitter. */
const HANDLER = Symbol('hawser.ws.handler');
/** True for the wrapper of an `on…` attribute. */
const IS_ATTRIBUTE = Symbol('hawser.ws.attribute');
/** How `close` events know whether both Close frames were exchanged. */
export const WAS_CLEAN: unique symbol = Symbol('hawser.ws.wasClean');

/** The target of an event, as the handler gets it: a `WebSocket`. Those of `@types/ws` have these members, too. */
export interface EventSocket extends EventEmitter {
  readonly readyState: ReadyState;
  readonly bufferedAmount: number;
  readonly protocol: string;
  readonly url: string;
  /** Sends a message. */
  send(data: string | Uint8Array, callback?: (error?: Error) => void): void;
  /** Begins the closing handshake. */
  close(code?: number, data?: string | Buffer): void;
  /** Destroys the socket without a Close. */
  terminate(): void;
}

/** An event of the EventTarget half. */
export interface Event {
  readonly type: string;
  readonly target: EventSocket;
}

/** The event of a received message. Text is a string; other messages are as `binaryType` says. */
export interface MessageEvent extends Event {
  readonly data: string | Buffer | ArrayBuffer | Buffer[];
}

/** The event of the end of a connection. */
export interface CloseEvent extends Event {
  /** 1005 if the peer's Close had no code, 1006 if there was none. */
  readonly code: number;
  readonly reason: string;
  /** True if both sides have sent a Close. */
  readonly wasClean: boolean;
}

/** The event of an error; a `close` event follows. */
export interface ErrorEvent extends Event {
  readonly error: unknown;
  readonly message: string;
}

type Emitter = EventSocket & { readonly [WAS_CLEAN]: boolean };
/** A listener of the EventTarget half. */
export type Handler = ((event: never) => void) | { handleEvent(event: never): void };
type Wrapper = ((this: Emitter, ...args: never[]) => void) & {
  [HANDLER]?: Handler;
  [IS_ATTRIBUTE]?: boolean;
};

/** Each kind of event has objects of one shape, whose properties cannot be assigned in TypeScript. */
type AnyEvent = Event & Partial<MessageEvent & CloseEvent & ErrorEvent>;

function call(handler: Handler, event: AnyEvent): void {
  if (typeof handler === 'object' && typeof handler.handleEvent === 'function')
    handler.handleEvent(event as never);
  else (handler as (this: EventSocket, event: AnyEvent) => void).call(event.target, event);
}

/** Listeners of the emitter that make an event of its arguments. Other types have no events. */
const WRAPPERS: Readonly<Record<string, (handler: Handler) => Wrapper>> = Object.freeze({
  open: (handler: Handler) =>
    function (this: Emitter): void {
      call(handler, { type: 'open', target: this });
    },
  message: (handler: Handler) =>
    function (this: Emitter, data: Buffer, isBinary: boolean): void {
      call(handler, { type: 'message', target: this, data: isBinary ? data : data.toString() });
    },
  close: (handler: Handler) =>
    function (this: Emitter, code: number, reason: Buffer): void {
      const wasClean = this[WAS_CLEAN];
      call(handler, { type: 'close', target: this, code, reason: reason.toString(), wasClean });
    },
  error: (handler: Handler) =>
    function (this: Emitter, error: Error): void {
      call(handler, { type: 'error', target: this, error, message: error.message });
    },
});

const wrappersOf = (emitter: Emitter, type: string): Wrapper[] => emitter.listeners(type) as Wrapper[];

/** Adds a listener as `EventTarget` does: each handler once per type. Types without events are ignored. */
export function addListener(emitter: Emitter, type: string, handler: Handler, once: boolean): void {
  if (!Object.hasOwn(WRAPPERS, type)) return;
  const isAdded = wrappersOf(emitter, type).some(
    (listener) => listener[HANDLER] === handler && listener[IS_ATTRIBUTE] !== true,
  );
  if (isAdded) return;
  const wrapper = WRAPPERS[type]!(handler);
  wrapper[HANDLER] = handler;
  if (once) emitter.once(type, wrapper as () => void);
  else emitter.on(type, wrapper as () => void);
}

export function removeListener(emitter: Emitter, type: string, handler: Handler): void {
  const found = wrappersOf(emitter, type).find(
    (listener) => listener[HANDLER] === handler && listener[IS_ATTRIBUTE] !== true,
  );
  if (found !== undefined) emitter.removeListener(type, found as () => void);
}

/** Value of an `on…` attribute; `null` if there is none. */
export function attributeOf(emitter: Emitter, type: string): Handler | null {
  return wrappersOf(emitter, type).find((listener) => listener[IS_ATTRIBUTE] === true)?.[HANDLER] ?? null;
}

/** Replaces an `on…` attribute; any value but a function removes it. */
export function setAttribute(emitter: Emitter, type: string, handler: unknown): void {
  const before = wrappersOf(emitter, type).find((listener) => listener[IS_ATTRIBUTE] === true);
  if (before !== undefined) emitter.removeListener(type, before as () => void);
  if (typeof handler !== 'function') return;
  const wrapper = WRAPPERS[type]!(handler as Handler);
  wrapper[HANDLER] = handler as Handler;
  wrapper[IS_ATTRIBUTE] = true;
  emitter.on(type, wrapper as () => void);
}
