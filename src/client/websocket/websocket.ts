import { asText, readClose, readTarget, type WebSocketOptions } from './arguments.ts';
import {
  type CloseEvent,
  type ErrorEvent,
  EventHandlers,
  type MessageEvent,
  type WebSocketEventMap,
} from './events.ts';
import { BrowserSocket, type ReadyState, STATE } from './socket.ts';

/** Members of the interface, in the order of the standard. They can be enumerated, as in a browser. */
const MEMBERS = [
  'url',
  'readyState',
  'bufferedAmount',
  'onopen',
  'onerror',
  'onclose',
  'extensions',
  'protocol',
  'close',
  'onmessage',
  'binaryType',
  'send',
] as const;

const BINARY_TYPES: readonly unknown[] = ['blob', 'arraybuffer'];

/** How an `EventTarget` of Node is told to call a listener. */
export interface ListenerOptions {
  readonly capture?: boolean | undefined;
  readonly once?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A listener of events of `WebSocket`. */
export type WebSocketListener<E extends Event> =
  | ((event: E) => void)
  | {
      /** Called with each event. */
      handleEvent(event: E): void;
    };

/**
 * The `WebSocket` of browsers (WHATWG), on the client of this library: for code that is written for a browser, and for
 * libraries that take such a class. Code for Node is better off with `connect`, which has back-pressure. Limits, heartbeat and
 * timeouts are those of `connect`.
 */
export class WebSocket extends EventTarget {
  /** `readyState` until the handshake is done. */
  declare static readonly CONNECTING: 0;
  /** `readyState` while messages can be sent. */
  declare static readonly OPEN: 1;
  /** `readyState` from the first sign of the end. */
  declare static readonly CLOSING: 2;
  /** `readyState` from the events `error` and `close` on. */
  declare static readonly CLOSED: 3;
  /** As the static member. */
  declare readonly CONNECTING: 0;
  /** As the static member. */
  declare readonly OPEN: 1;
  /** As the static member. */
  declare readonly CLOSING: 2;
  /** As the static member. */
  declare readonly CLOSED: 3;
  /** `'WebSocket'`, as in a browser. */
  declare readonly [Symbol.toStringTag]: 'WebSocket';
  readonly #url: string;
  readonly #socket: BrowserSocket;
  readonly #handlers: EventHandlers;

  static {
    for (const [name, value] of Object.entries(STATE)) {
      Object.defineProperty(this, name, { value, enumerable: true });
      Object.defineProperty(this.prototype, name, { value, enumerable: true });
    }
    for (const name of MEMBERS) Object.defineProperty(this.prototype, name, { enumerable: true });
    Object.defineProperty(this.prototype, Symbol.toStringTag, { value: 'WebSocket', configurable: true });
  }

  /**
   * Starts to connect.
   * @param url Absolute: `ws:`, `wss:`, `http:` or `https:`, without a fragment.
   * @param protocols Subprotocols to offer. As in undici, an object is the options.
   * @param options Those of `connect`, for what a browser has no arguments for: `headers`, `tls`, limits and so on.
   * @throws DOMException `SyntaxError` for the URL or a subprotocol. TypeError without a URL. MisuseError `ERR_OPTION` for an
   *   option, `ERR_ARGUMENT` for options that are no object. Failures to connect are the events `error` and `close`.
   */
  constructor(
    url: string | URL,
    protocols?: string | readonly string[] | WebSocketOptions,
    options?: WebSocketOptions,
  );
  constructor(...given: unknown[]) {
    super();
    const target = readTarget(given);
    this.#url = target.url.href;
    this.#handlers = new EventHandlers(this);
    this.#socket = new BrowserSocket(this, target);
  }

  /** The URL that was connected to; `ws:` or `wss:`. */
  get url(): string {
    return this.#url;
  }

  /** {@link CONNECTING}, {@link OPEN}, {@link CLOSING} or {@link CLOSED}. */
  get readyState(): ReadyState {
    return this.#socket.readyState;
  }

  /** Bytes of payloads that were sent and that the kernel has not taken. What is sent after the end stays counted. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  /** The negotiated extensions; `''` until `open`, and if there are none. */
  get extensions(): string {
    return this.#socket.connection?.extensions ?? '';
  }

  /** The negotiated subprotocol; `''` until `open`, and if there is none. */
  get protocol(): string {
    return this.#socket.connection?.protocol ?? '';
  }

  /** What binary messages arrive as: `'blob'`, the default, or `'arraybuffer'`. Other values are ignored. */
  get binaryType(): 'blob' | 'arraybuffer' {
    return this.#socket.binaryType;
  }

  set binaryType(type: 'blob' | 'arraybuffer') {
    if (BINARY_TYPES.includes(type)) this.#socket.binaryType = type;
  }

  /** Handler of `open`; `null` if there is none. */
  get onopen(): ((event: Event) => unknown) | null {
    return this.#handlers.get('open') as ((event: Event) => unknown) | null;
  }

  set onopen(handler: ((event: Event) => unknown) | null) {
    this.#handlers.set('open', handler);
  }

  /** Handler of `error`; `null` if there is none. */
  get onerror(): ((event: ErrorEvent) => unknown) | null {
    return this.#handlers.get('error') as ((event: Event) => unknown) | null;
  }

  set onerror(handler: ((event: ErrorEvent) => unknown) | null) {
    this.#handlers.set('error', handler);
  }

  /** Handler of `close`; `null` if there is none. */
  get onclose(): ((event: CloseEvent) => unknown) | null {
    return this.#handlers.get('close') as ((event: Event) => unknown) | null;
  }

  set onclose(handler: ((event: CloseEvent) => unknown) | null) {
    this.#handlers.set('close', handler);
  }

  /** Handler of `message`; `null` if there is none. */
  get onmessage(): ((event: MessageEvent) => unknown) | null {
    return this.#handlers.get('message') as ((event: Event) => unknown) | null;
  }

  set onmessage(handler: ((event: MessageEvent) => unknown) | null) {
    this.#handlers.set('message', handler);
  }

  /**
   * Sends a message, in the order of the calls.
   * @param data A string as text; a `Blob`, an `ArrayBuffer` or a view as binary. Anything else is converted to a string. Bytes
   *   are not copied: leave them unchanged until `bufferedAmount` shows that they were sent.
   * @throws DOMException `InvalidStateError` while connecting. TypeError without an argument.
   */
  send(data: string | Blob | ArrayBufferLike | ArrayBufferView): void;
  send(...given: unknown[]): void {
    if (given.length === 0) throw new TypeError('send(data) needs an argument');
    const [data] = given;
    const payload = data instanceof Blob ? data : (bytesIn(data) ?? asText(data));
    if (this.#socket.readyState === STATE.CONNECTING)
      throw new DOMException('send was called before the event open', 'InvalidStateError');
    this.#socket.send(payload);
  }

  /**
   * Starts the closing handshake, after what was sent; while connecting, aborts that. Later calls do nothing.
   * @param code 1000, or 3000 to 4999. Default: none.
   * @param reason At most 123 bytes of UTF-8.
   * @throws DOMException `InvalidAccessError` for another code, `SyntaxError` for a longer reason.
   */
  close(code?: number, reason?: string): void {
    this.#socket.close(readClose(code, reason));
  }

  /** Adds a listener, as every `EventTarget` does. */
  override addEventListener<E extends keyof WebSocketEventMap>(
    type: E,
    listener: WebSocketListener<WebSocketEventMap[E]> | null,
    options?: ListenerOptions | boolean,
  ): void;
  override addEventListener(
    type: string,
    listener: WebSocketListener<Event> | null,
    options?: ListenerOptions | boolean,
  ): void;
  override addEventListener(type: string, listener: unknown, options?: ListenerOptions | boolean): void {
    super.addEventListener(type, listener as () => void, options as { once: boolean });
  }

  /** Removes a listener. */
  override removeEventListener<E extends keyof WebSocketEventMap>(
    type: E,
    listener: WebSocketListener<WebSocketEventMap[E]> | null,
    options?: { readonly capture?: boolean | undefined } | boolean,
  ): void;
  override removeEventListener(
    type: string,
    listener: WebSocketListener<Event> | null,
    options?: { readonly capture?: boolean | undefined } | boolean,
  ): void;
  override removeEventListener(
    type: string,
    listener: unknown,
    options?: { readonly capture?: boolean | undefined } | boolean,
  ): void {
    super.removeEventListener(type, listener as () => void, options as boolean);
  }
}

/** The bytes of a buffer or view; `undefined` for anything else. */
function bytesIn(data: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data);
  return undefined;
}
