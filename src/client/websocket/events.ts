/** The event of a received message. */
export interface MessageEvent extends Event {
  /** A string for text; for a binary message as `binaryType` says. */
  readonly data: string | Blob | ArrayBuffer;
  /** The origin of the URL, such as `wss://example.com`. */
  readonly origin: string;
}

/** The event of the end of a connection. */
export interface CloseEvent extends Event {
  /** The peer's close code; 1005 if its Close had none, 1006 if there was no Close. */
  readonly code: number;
  /** The peer's reason, or empty. */
  readonly reason: string;
  /** True if both sides have sent a Close. */
  readonly wasClean: boolean;
}

/** The event of a failure; a `close` event follows. */
export interface ErrorEvent extends Event {
  /** A `ConnectError`, `PeerError` or `TransportError`. */
  readonly error: unknown;
  readonly message: string;
}

/** The events of `WebSocket`, by type. */
export interface WebSocketEventMap {
  /** The handshake is complete. */
  open: Event;
  /** A whole message. */
  message: MessageEvent;
  /** The connection failed; `close` follows. */
  error: ErrorEvent;
  /** The connection has ended. */
  close: CloseEvent;
}

type EventClass<E extends Event, Init> = new (type: string, init: Init) => E;
interface CloseEventInit {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}
interface ErrorEventInit {
  readonly error: unknown;
  readonly message: string;
}

/** For Node before 23, which has no such class. */
class OwnCloseEvent extends Event implements CloseEvent {
  static override readonly name = 'CloseEvent';
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(type: string, { code, reason, wasClean }: CloseEventInit) {
    super(type);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

/** For Node before 25, which has no such class. */
class OwnErrorEvent extends Event implements ErrorEvent {
  static override readonly name = 'ErrorEvent';
  readonly error: unknown;
  readonly message: string;

  constructor(type: string, { error, message }: ErrorEventInit) {
    super(type);
    this.error = error;
    this.message = message;
  }
}

const {
  MessageEvent: MessageEventClass,
  CloseEvent: CloseEventClass = OwnCloseEvent,
  ErrorEvent: ErrorEventClass = OwnErrorEvent,
} = globalThis as unknown as {
  readonly MessageEvent: EventClass<MessageEvent, { readonly data: unknown; readonly origin: string }>;
  readonly CloseEvent?: EventClass<CloseEvent, CloseEventInit>;
  readonly ErrorEvent?: EventClass<ErrorEvent, ErrorEventInit>;
};

export const messageEvent = (data: string | Blob | ArrayBuffer, origin: string): MessageEvent =>
  new MessageEventClass('message', { data, origin });
export const closeEvent = (info: CloseEventInit): CloseEvent => new CloseEventClass('close', info);
export const errorEvent = (error: unknown): ErrorEvent =>
  new ErrorEventClass('error', { error, message: error instanceof Error ? error.message : String(error) });

/**
 * The handlers of `onopen` and so on of one object. A handler is called where it was set first, among the listeners of its
 * type; `null` removes it.
 */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #handlers = new Map<
    string,
    { handler: (event: never) => unknown; readonly listener: () => void }
  >();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get(type: string): ((event: never) => unknown) | null {
    return this.#handlers.get(type)?.handler ?? null;
  }

  /** @param handler Removes the handler unless it is a function. */
  set(type: string, handler: unknown): void {
    const known = this.#handlers.get(type);
    if (typeof handler !== 'function') {
      if (known !== undefined) this.#target.removeEventListener(type, known.listener);
      this.#handlers.delete(type);
      return;
    }
    if (known !== undefined) {
      known.handler = handler as () => unknown;
      return;
    }
    const entry = {
      handler: handler as (event: never) => unknown,
      listener: (...events: unknown[]): void => {
        Reflect.apply(entry.handler, this.#target, events);
      },
    };
    this.#handlers.set(type, entry);
    this.#target.addEventListener(type, entry.listener);
  }
}
