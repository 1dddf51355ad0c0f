import { Buffer } from 'node:buffer';
import { type Connection, driverOf } from '../../connection/connection.ts';
import { defaultEngine } from '../../engine/engine.ts';
import { resolveConnectOptions } from '../../options/resolve-connect-options.ts';
import type { CloseInfo } from '../../protocol/close-info.ts';
import { MisuseError } from '../../protocol/errors.ts';
import type { Message } from '../../protocol/payload.ts';
import { beginConnecting } from '../connect.ts';
import type { GivenTarget } from './arguments.ts';
import { closeEvent, errorEvent, messageEvent } from './events.ts';

export const STATE = Object.freeze({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const);
export type ReadyState = (typeof STATE)[keyof typeof STATE];

/** A Close without code and reason. */
const NO_CODE = 1005;
const ABNORMAL = 1006;

/** Drives one browser-shaped `WebSocket`: its state, its connection, what it sends, and its events. */
export class BrowserSocket {
  readyState: ReadyState = STATE.CONNECTING;
  binaryType: 'blob' | 'arraybuffer' = 'blob';
  /** Bytes of payloads that `send` took and the kernel has not. Never decreases once the connection is closed. */
  #bufferedAmount = 0;
  readonly #target: EventTarget;
  readonly #origin: string;
  readonly #offered: readonly string[];
  /** Aborts connecting; `undefined` once that is over. */
  #abort: AbortController | undefined = new AbortController();
  #connection: Connection | undefined;
  /** Resolves after the blobs before it were read; `undefined` if there are none. */
  #blobs: Promise<void> | undefined;
  /** Why this class has ended the connection. */
  #failure: unknown;

  /** @throws MisuseError `ERR_OPTION` for an option. */
  constructor(target: EventTarget, { url, options }: GivenTarget) {
    this.#target = target;
    this.#origin = url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin;
    const { signal, protocols = [] } = options;
    this.#offered = protocols;
    const aborted = this.#abort!.signal;
    const settings = resolveConnectOptions(
      { ...options, signal: signal === undefined ? aborted : AbortSignal.any([signal, aborted]) },
      defaultEngine,
    );
    // Listeners are attached after the constructor has returned. Connecting may fail before.
    const later = (step: () => void): void => queueMicrotask(step);
    beginConnecting(defaultEngine, url, settings, {
      resolve: (connection) => this.#opened(connection),
      reject: (error) => later(() => this.#ended(error, { code: ABNORMAL, reason: '', wasClean: false })),
    });
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  get bufferedAmount(): number {
    this.#settle();
    return this.#bufferedAmount;
  }

  send(data: string | Uint8Array | Blob): void {
    const bytes =
      typeof data === 'string' ? Buffer.byteLength(data) : data instanceof Blob ? data.size : data.length;
    this.#settle();
    this.#bufferedAmount += bytes;
    // What is sent after the end stays counted.
    if (this.readyState !== STATE.OPEN) return;
    if (this.#blobs === undefined && !(data instanceof Blob)) this.#send(data, bytes);
    else this.#afterBlobs(async () => this.#send(data instanceof Blob ? await read(data) : data, bytes));
  }

  close(body: { readonly code: number; readonly reason: string } | undefined): void {
    if (this.readyState >= STATE.CLOSING) return;
    this.readyState = STATE.CLOSING;
    if (this.#abort !== undefined) {
      this.#abort.abort(new MisuseError('ERR_STATE', 'close was called before the connection was open'));
      return;
    }
    const { code, reason } = body ?? { code: NO_CODE, reason: '' };
    if (this.#blobs === undefined) this.#connection!.close(code, reason);
    else this.#afterBlobs(() => Promise.resolve(this.#connection!.close(code, reason)));
  }

  #send(data: string | Uint8Array, bytes: number): void {
    const connection = this.#connection!;
    const sentBefore = connection.messagesSent;
    connection.send(data);
    if (connection.messagesSent === sentBefore) {
      // An overflow policy has dropped the message, or the connection is closed and the bytes stay counted.
      if (connection.state === 'open') this.#bufferedAmount -= bytes;
      return;
    }
    driverOf(connection).link.outbox.mark((wasDropped) => {
      if (!wasDropped || connection.state === 'open') this.#bufferedAmount -= bytes;
    });
  }

  /** Takes note of what the kernel has taken. */
  #settle(): void {
    if (this.#connection !== undefined && this.readyState !== STATE.CLOSED)
      driverOf(this.#connection).link.outbox.settle();
  }

  /** Runs a step once all earlier blobs were read and sent. */
  #afterBlobs(step: () => Promise<void>): void {
    const done = (this.#blobs ?? Promise.resolve()).then(step).then(
      () => {
        if (this.#blobs === done) this.#blobs = undefined;
      },
      (error: unknown) => {
        // The messages after it would reach the peer without it.
        this.#failure ??= error;
        this.#connection!.terminate();
      },
    );
    this.#blobs = done;
  }

  #opened(connection: Connection): void {
    this.#abort = undefined;
    this.#connection = connection;
    connection.on('message', (message, isText) => this.#received(message, isText));
    connection.on('stateChange', (next) => {
      if (next === 'closing') this.readyState = STATE.CLOSING;
    });
    // `close` has the error, too. With a listener, it is not reported as unheard.
    connection.on('error', () => {});
    connection.on('close', (info) => this.#closed(info));
    if (this.#offered.length > 0 && connection.protocol === '') {
      // The standard asks for this; to `connect` it is no error.
      this.readyState = STATE.CLOSING;
      this.#failure = new Error(`The server chose none of the subprotocols ${this.#offered.join(', ')}`);
      connection.terminate();
      return;
    }
    this.readyState = STATE.OPEN;
    this.#target.dispatchEvent(new Event('open'));
  }

  #received(message: Message, isText: boolean): void {
    // After `close` there are no more messages. The Close of the peer follows its messages.
    if (this.readyState !== STATE.OPEN && this.#connection!.closeInfo?.initiator === 'local') return;
    this.#target.dispatchEvent(
      messageEvent(isText ? (message as string) : this.#shaped(message as Buffer), this.#origin),
    );
  }

  #shaped(message: Buffer): ArrayBuffer | Blob {
    if (this.binaryType === 'blob') return new Blob([message]);
    const { buffer, byteOffset, byteLength } = message;
    const isWhole = byteOffset === 0 && byteLength === buffer.byteLength;
    return (isWhole ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)) as ArrayBuffer;
  }

  #closed({ code, reason, wasClean, error }: CloseInfo): void {
    const failure =
      this.#failure ??
      error ??
      (wasClean ? undefined : new Error('The connection ended without a closing handshake'));
    this.#ended(failure, { code, reason, wasClean });
  }

  #ended(error: unknown, info: Pick<CloseInfo, 'code' | 'reason' | 'wasClean'>): void {
    this.#abort = undefined;
    this.readyState = STATE.CLOSED;
    if (error !== undefined) this.#target.dispatchEvent(errorEvent(error));
    this.#target.dispatchEvent(closeEvent(info));
  }
}

const read = async (blob: Blob): Promise<Uint8Array> => new Uint8Array(await blob.arrayBuffer());
