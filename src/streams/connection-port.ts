import { closedBefore } from '../connection/closed-error.ts';
import type { DriverOf } from '../connection/connection.ts';
import type { MessageIterator } from '../connection/message-iterator.ts';
import type { SendOptions } from '../options/call-options.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import { MisuseError } from '../protocol/errors.ts';
import type { Message, Payload } from '../protocol/payload.ts';

/** Close codes that end a stream of messages completely; 1005 is a Close without a code. Any other code is an error. */
const COMPLETE: ReadonlySet<number> = new Set([1000, 1005]);

const isComplete = ({ wasClean, error, code }: CloseInfo): boolean =>
  wasClean && error === undefined && COMPLETE.has(code);

/** Codes of the Close that a stream sends: it ended, was given up, or failed. */
const ENDED = 1000;
const GIVEN_UP = 1001;
const FAILED = 1011;

/** The common half of the streams over a connection: reads and writes messages with back-pressure, and maps the end. */
export class ConnectionPort {
  readonly #driver: DriverOf<unknown>;
  readonly #options: SendOptions;
  readonly #messages: MessageIterator;
  /** Settles when the connection is closed, before its last messages are read. */
  readonly #closed: Promise<CloseInfo>;

  /** @throws MisuseError `ERR_STATE` while a loop over the messages runs. */
  constructor(driver: DriverOf<unknown>, { binary, compress }: SendOptions) {
    this.#driver = driver;
    this.#options = {
      ...(binary === undefined ? {} : { binary }),
      ...(compress === undefined ? {} : { compress }),
    };
    this.#messages = driver.loop();
    this.#closed = new Promise((resolve) => {
      if (driver.closeInfo !== undefined) resolve(driver.closeInfo);
      else {
        void driver.closed.then(resolve);
        driver.connection.on('stateChange', () => {
          if (driver.closeInfo !== undefined) resolve(driver.closeInfo);
        });
      }
    });
  }

  /** Resolves when the connection has ended and its last message was read or dropped. */
  get finished(): Promise<CloseInfo> {
    return this.#driver.closed;
  }

  /**
   * Reads the next message; the peer is read only as fast as this is called.
   * @returns `undefined` at the end.
   * @throws MisuseError `ERR_CLOSED`, as a rejection, unless the peer ended completely.
   */
  async read(): Promise<Message | undefined> {
    const { done, value } = await this.#messages.next();
    if (done !== true) return value;
    this.checkEnd();
    return undefined;
  }

  /** @throws MisuseError `ERR_CLOSED` unless the connection ended completely. Call it after the end. */
  checkEnd(): void {
    const info = this.#driver.closeInfo;
    const dropped = this.#messages.droppedMessages;
    if (dropped > 0)
      throw new MisuseError(
        'ERR_CLOSED',
        `${dropped} received ${dropped === 1 ? 'message was' : 'messages were'} dropped, because the stream did not read them in time after the connection closed`,
      );
    if (info === undefined || !isComplete(info)) throw this.closedError('all messages were read');
  }

  /**
   * Sends one message. Waits until the buffer of the connection has room, before and after.
   * @throws MisuseError `ERR_CLOSED` if the connection ends first, `ERR_ARGUMENT` for an invalid payload; both as a
   *   rejection.
   */
  async write(payload: Payload): Promise<void> {
    const driver = this.#driver;
    // Other messages may have filled the buffer. Waiting first means that the overflow policy never drops a chunk.
    if (this.#isFull) await this.#room();
    const before = driver.messagesSent;
    if (driver.state === 'open') driver.send(payload, this.#options);
    if (driver.messagesSent === before) throw this.closedError('the chunk was sent');
    if (this.#isFull) await this.#room();
  }

  /**
   * Closes with 1000 after the accepted messages, and waits until the connection is closed.
   * @throws MisuseError `ERR_CLOSED`, as a rejection, unless the connection ended completely. A Close of the peer with another
   *   code may have crossed the one sent here, so messages may not have been read.
   */
  async end(): Promise<void> {
    this.#driver.close(ENDED, '');
    const info = await this.#closed;
    if (!isComplete(info)) throw this.closedError('everything was sent');
  }

  /**
   * Gives the stream up: drops received messages, sends Close, and waits until the connection is closed.
   * @param error The reason, if there is one. An `AbortError` is no failure: a loop that was left causes one.
   */
  async abort(error: unknown): Promise<void> {
    const isGivenUp =
      error === null || error === undefined || (error as { name?: unknown }).name === 'AbortError';
    void this.#messages.return();
    this.#driver.close(isGivenUp ? GIVEN_UP : FAILED, '');
    await this.#closed;
  }

  closedError(what: string): MisuseError {
    return closedBefore(what, this.#driver.closeInfo);
  }

  get #isFull(): boolean {
    return this.#driver.bufferedBytes > this.#driver.owner.settings.highWaterMarkBytes;
  }

  async #room(): Promise<void> {
    while (this.#isFull && this.#driver.state !== 'closed') {
      try {
        await this.#driver.drained(undefined);
      } catch {
        break;
      }
    }
    if (this.#driver.state !== 'open') throw this.closedError('the chunk was sent');
  }
}
