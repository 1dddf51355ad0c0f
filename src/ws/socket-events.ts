import { Blob, type Buffer } from 'node:buffer';
import type { EventEmitter } from 'node:events';
import type { PeerError } from '../protocol/errors.ts';
import { copyOf } from '../protocol/message-memory.ts';
import { translated } from './errors.ts';
import { rethrow } from './ticks.ts';

export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob';

/**
 * Emits the events of one `WebSocket`. They come from inside the link, where nothing may be thrown. With
 * `allowSynchronousEvents: false` each message, ping and pong has a turn of the event loop. The driver extends it, because an
 * object of its own would cost each idle connection memory.
 */
export abstract class SocketEvents {
  binaryType: BinaryType = 'nodebuffer';
  /** Whether an error without a listener is thrown. */
  throwsUnheard = false;
  emitsLater = false;

  protected readonly emitter: EventEmitter;
  #waiting = 0;
  #errorEmitted = false;

  constructor(emitter: EventEmitter) {
    this.emitter = emitter;
  }

  /** All events that waited for a turn of the event loop were emitted. */
  protected abstract eventsEmitted(): void;

  /** Whether events wait for a turn of the event loop. */
  protected get eventsWait(): boolean {
    return this.#waiting > 0;
  }

  protected emitOpen(): void {
    this.emitter.emit('open');
  }

  protected emitMessage(message: Buffer, isText: boolean): void {
    const data = isText ? message : this.#shaped(message);
    if (this.emitsLater) this.#emitLater(() => this.#emit('message', data, !isText));
    else this.#emit('message', data, !isText);
  }

  protected emitControl(name: 'ping' | 'pong', payload: Buffer): void {
    if (this.emitter.listenerCount(name) === 0) return;
    const data = copyOf(payload, 0, payload.length);
    if (this.emitsLater) this.#emitLater(() => this.#emit(name, data));
    else this.#emit(name, data);
  }

  /** Reports what the peer did wrong, unless an error was reported before. */
  protected emitFailure(failure: PeerError): void {
    if (!this.#errorEmitted) this.emitError(translated(failure));
  }

  protected emitError(error: Error): void {
    this.#errorEmitted = true;
    if (this.emitter.listenerCount('error') > 0 || this.throwsUnheard) this.#emit('error', error);
  }

  protected emitClose(code: number, reason: Buffer): void {
    this.#emit('close', code, reason);
  }

  #shaped(message: Buffer): unknown {
    if (this.binaryType === 'nodebuffer') return message;
    if (this.binaryType === 'fragments') return [message];
    const { buffer, byteOffset, byteLength } = message;
    const own = buffer.slice(byteOffset, byteOffset + byteLength);
    return this.binaryType === 'arraybuffer' ? own : new Blob([own as ArrayBuffer]);
  }

  /** Emits in another turn of the event loop, before the next frame is read. */
  #emitLater(emit: () => void): void {
    this.#waiting++;
    setImmediate(() => {
      this.#waiting--;
      emit();
      if (this.#waiting === 0) this.eventsEmitted();
    });
  }

  #emit(name: string, ...values: unknown[]): void {
    try {
      this.emitter.emit(name, ...values);
    } catch (error) {
      rethrow(error);
    }
  }
}
