import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { OPCODE } from '../protocol/constants.ts';
import { ClientHandshake } from './client-handshake.ts';
import {
  addListener,
  attributeOf,
  type CloseEvent,
  type ErrorEvent,
  type Event,
  type Handler,
  type MessageEvent,
  removeListener,
  setAttribute,
  WAS_CLEAN,
} from './event-target.ts';
import type { EventHandler, WebSocketEventMap, WebSocketEvents } from './events.ts';
import {
  type ClientArguments,
  type ClientOptions,
  type ConnectionOptions,
  readArguments,
} from './options.ts';
import { READY, type ReadyState } from './ready-states.ts';
import type { Sender } from './sender.ts';
import type { SendOptions } from './outgoing.ts';
import { SocketDriver } from './socket-driver.ts';
import { isInstance, WsEmitter } from './typed-emitter.ts';
import { LINK_DEFAULTS } from './settings-options.ts';

const BINARY_TYPES: readonly unknown[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob'];
/** Mark of the class, the same in every copy of this library. */
const BRAND: unique symbol = Symbol.for('hawser.ws.WebSocket');
/** Key of what drives a `WebSocket`. */
export const DRIVER: unique symbol = Symbol.for('hawser.ws.driver');
/** Key of the option with the bytes that a server writes before any frame. */
export const PREAMBLE: unique symbol = Symbol.for('hawser.ws.preamble');

/** What `setSocket` takes, besides what a server adds. */
interface SetSocketOptions extends ConnectionOptions, Pick<ClientOptions, 'generateMask'> {
  readonly [PREAMBLE]?: Buffer;
}

/** Members that are enumerable, as in a browser and in `ws`: wrappers copy what they find with `for (const name in socket)`. */
const ENUMERABLE = [
  'addEventListener',
  'binaryType',
  'bufferedAmount',
  'extensions',
  'isPaused',
  'onclose',
  'onerror',
  'onmessage',
  'onopen',
  'protocol',
  'readyState',
  'removeEventListener',
  'url',
] as const;

/** Defines the states on the class and its prototype, and makes members enumerable. */
function defineIdl(Class: typeof WebSocket): void {
  // A bundler gives the class another one.
  Object.defineProperty(Class, 'name', { value: 'WebSocket' });
  const { prototype } = Class;
  for (const name of ENUMERABLE) Object.defineProperty(prototype, name, { enumerable: true });
  for (const [name, value] of Object.entries(READY))
    for (const holder of [Class, prototype]) Object.defineProperty(holder, name, { value, enumerable: true });
}

/** Both arguments before the callback may be left out. */
function control(
  driver: SocketDriver,
  opcode: typeof OPCODE.PING | typeof OPCODE.PONG,
  data: unknown,
  mask: unknown,
  callback: unknown,
): void {
  if (typeof data === 'function') driver.control(opcode, undefined, data);
  else driver.control(opcode, data, typeof mask === 'function' ? mask : callback);
}

/**
 * A WebSocket with the interface of the package `ws`: an emitter, and an `EventTarget` for the events of a browser. A client
 * connects as soon as it is constructed; a server constructs the connections that it accepts.
 */
export class WebSocket extends WsEmitter<WebSocketEvents> {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;

  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;

  static {
    defineIdl(this);
  }

  /** The CommonJS copy of this library has a class of its own. Its sockets are instances of this class, too. @internal */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(this, WebSocket, BRAND, value);
  }

  /** @internal */
  readonly [DRIVER]: SocketDriver;
  /** @internal */
  _isServer: boolean;
  /** @internal */
  _url: string | undefined;
  /** @internal */
  _protocol: string;

  /**
   * @param address Where to connect: `ws:`, `wss:`, `http:`, `https:` or `ws+unix:`. `null` makes an object for `setSocket`.
   * @param protocols Subprotocols to offer, or the options.
   * @throws SyntaxError For an invalid URL or subprotocol. @throws RangeError For another protocol version than 8 and 13.
   */
  constructor(
    address: string | URL | null,
    protocols?: string | string[] | ClientArguments | null,
    options?: ClientArguments,
  ) {
    super();
    const driver = new SocketDriver(this);
    this[DRIVER] = driver;
    this._protocol = '';
    this._url = undefined;
    if (address === null) {
      this._isServer = true;
      driver.linkOptions = (options ?? {}) as ClientOptions;
      driver.throwsUnheard = (options as ClientOptions | undefined)?.throwUnheard === true;
      return;
    }
    this._isServer = false;
    const given = readArguments(protocols, options);
    driver.linkOptions = { ...LINK_DEFAULTS, ...given.options };
    driver.throwsUnheard = given.options.throwUnheard === true;
    new ClientHandshake(this, driver, given.protocols, given.options).start(address);
  }

  /** @internal */
  get [BRAND](): true {
    return true;
  }

  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  get readyState(): ReadyState {
    return this[DRIVER].readyState;
  }

  /**
   * How messages arrive: `nodebuffer`, the default, as `Buffer`; `arraybuffer`; `fragments`, an array with one `Buffer`; or
   * `blob`. Other values are ignored.
   */
  get binaryType(): 'nodebuffer' | 'arraybuffer' | 'fragments' {
    return this[DRIVER].binaryType as 'nodebuffer';
  }

  set binaryType(type: 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob') {
    if (BINARY_TYPES.includes(type)) this[DRIVER].binaryType = type;
  }

  /** Bytes that the kernel has not taken, and those that were sent after the end. */
  get bufferedAmount(): number {
    return this[DRIVER].bufferedAmount;
  }

  /** `permessage-deflate` if that was negotiated, else empty. */
  get extensions(): string {
    return this[DRIVER].deflate === undefined ? '' : 'permessage-deflate';
  }

  /** Whether `pause` was called: no events are emitted until `resume`. */
  get isPaused(): boolean {
    return this[DRIVER].isPaused;
  }

  /** The negotiated subprotocol, or empty. */
  get protocol(): string {
    return this._protocol;
  }

  /** The URL that a client connects to. */
  get url(): string {
    return this._url as string;
  }

  /** @internal */
  get _socket(): Duplex | null {
    return this[DRIVER].rawSocket;
  }

  /** @internal */
  get _sender(): Sender | null {
    return this[DRIVER].sender;
  }

  /** Handler of `open`; `null` if there is none. */
  get onopen(): ((event: Event) => void) | null {
    return attributeOf(this, 'open') as ((event: Event) => void) | null;
  }

  set onopen(handler: ((event: Event) => void) | null) {
    setAttribute(this, 'open', handler);
  }

  /** Handler of `message`; `null` if there is none. */
  get onmessage(): ((event: MessageEvent) => void) | null {
    return attributeOf(this, 'message') as ((event: Event) => void) | null;
  }

  set onmessage(handler: ((event: MessageEvent) => void) | null) {
    setAttribute(this, 'message', handler);
  }

  /** Handler of `close`; `null` if there is none. */
  get onclose(): ((event: CloseEvent) => void) | null {
    return attributeOf(this, 'close') as ((event: Event) => void) | null;
  }

  set onclose(handler: ((event: CloseEvent) => void) | null) {
    setAttribute(this, 'close', handler);
  }

  /** Handler of `error`; `null` if there is none. */
  get onerror(): ((event: ErrorEvent) => void) | null {
    return attributeOf(this, 'error') as ((event: Event) => void) | null;
  }

  set onerror(handler: ((event: ErrorEvent) => void) | null) {
    setAttribute(this, 'error', handler);
  }

  /** Adds a listener for events as a browser has them. Each handler is added once per type. */
  addEventListener<E extends keyof WebSocketEventMap>(
    type: E,
    handler: EventHandler<E>,
    options?: { readonly once?: boolean | undefined },
  ): void;
  addEventListener(type: string, handler: Handler, options?: { readonly once?: boolean | undefined }): void;
  addEventListener(
    type: string,
    handler: Handler,
    options: { readonly once?: boolean | undefined } = {},
  ): void {
    addListener(this, type, handler, options.once === true);
  }

  /** Removes a listener that `addEventListener` added. */
  removeEventListener<E extends keyof WebSocketEventMap>(type: E, handler: EventHandler<E>): void;
  /** Removes a listener that `addEventListener` added. */
  removeEventListener(type: string, handler: Handler): void;
  removeEventListener(type: string, handler: Handler): void {
    removeListener(this, type, handler);
  }

  /**
   * Sends a message.
   * @param data Text, or anything that `Buffer.from` accepts. From 16 KiB on, bytes must stay unchanged until the callback.
   * @param callback Called when the kernel has taken the message, or with the error.
   * @throws Error While connecting. @throws TypeError For data that `Buffer.from` refuses.
   */
  send(data: unknown, callback?: (error?: Error) => void): void;
  /**
   * Sends a message.
   * @param data Text, or anything that `Buffer.from` accepts. From 16 KiB on, bytes must stay unchanged until the callback.
   * @param options `binary`: default `false` for a string only. `compress`: default from the threshold on. `fin`: `false` if
   *   more fragments follow. `mask` has no effect.
   * @param callback Called when the kernel has taken the message, or with the error.
   * @throws Error While connecting. @throws TypeError For data that `Buffer.from` refuses.
   */
  send(data: unknown, options: SendOptions | undefined, callback?: (error?: Error) => void): void;
  send(
    data: unknown,
    options?: SendOptions | ((error?: Error) => void),
    callback?: (error?: Error) => void,
  ): void {
    if (typeof options === 'function') this[DRIVER].send(data, undefined, options);
    else this[DRIVER].send(data, options, callback);
  }

  /**
   * Sends a ping.
   * @param data At most 125 bytes.
   * @param mask Has no effect.
   * @param callback As for `send`.
   * @throws Error While connecting. @throws RangeError For more bytes.
   */
  ping(data?: unknown, mask?: unknown, callback?: (error: Error) => void): void {
    control(this[DRIVER], OPCODE.PING, data, mask, callback);
  }

  /** Sends a pong. As {@link ping}. */
  pong(data?: unknown, mask?: unknown, callback?: (error: Error) => void): void {
    control(this[DRIVER], OPCODE.PONG, data, mask, callback);
  }

  /**
   * Starts the closing handshake, or aborts the opening one.
   * @param code 1000 to 1014 but 1004 to 1006, or 3000 to 4999. Default: none.
   * @param data Reason: at most 123 bytes.
   * @throws TypeError RangeError For what a Close cannot carry.
   */
  close(code?: number, data?: string | Buffer): void {
    this[DRIVER].close(code, data);
  }

  /** Destroys the socket. */
  terminate(): void {
    this[DRIVER].terminate();
  }

  /** Stops the events of received frames, and reading. Does nothing before `open` and after `close`. */
  pause(): void {
    this[DRIVER].pause();
  }

  /** Emits events again, after `pause`. */
  resume(): void {
    this[DRIVER].resume();
  }

  /**
   * Takes over a stream whose opening handshake is done.
   * @internal
   */
  setSocket(socket: Duplex, head: Buffer, options: SetSocketOptions): void {
    this[DRIVER].open(socket, head, this._isServer, options, options[PREAMBLE]);
  }

  /** @internal */
  get [WAS_CLEAN](): boolean {
    return this[DRIVER].wasClean;
  }
}
