import { Buffer } from 'node:buffer';
import type { Clock } from '../../engine/clock.ts';
import { OPCODE } from '../../protocol/constants.ts';
import { type Message, outgoing, type Payload } from '../../protocol/payload.ts';
import type { SendOptions } from '../../options/call-options.ts';
import type { ReconnectSettings } from '../../options/resolve-reconnect-options.ts';
import type { OfflineQueueSettings } from '../../options/retry-options.ts';
import { ClientTopics } from '../topics/client-topics.ts';
import { SUBPROTOCOL } from '../topics/frames.ts';
import type { OperationError } from '../topics/operation-error.ts';
import type { TopicsHost } from '../topics/topics-host.ts';
import type { ClientConnection } from '../connect.ts';
import type { MessageWrapper } from './reconnect-outbox.ts';

/** The client that a {@link TopicsLink} belongs to. */
export interface LinkOwner {
  readonly connection: ClientConnection | undefined;
  /** Takes a message of the server's application. @returns A promise that delays further reading. */
  applicationMessage(message: Message, isText: boolean): void | Promise<void>;
  listenerFailed(error: unknown, where: string): void;
  topicFailed(error: OperationError, where: string): void;
}

/** Joins the topics of a client with its connections in Node. Exists only in clients that use `hawser.v1`. */
export class TopicsLink implements TopicsHost, MessageWrapper {
  readonly topics: ClientTopics;
  readonly clock: Clock;
  readonly queue: false | OfflineQueueSettings;
  readonly backoff: ReconnectSettings;
  readonly #owner: LinkOwner;
  /** The connection that {@link opened} got last. */
  #opened: ClientConnection | undefined;

  constructor(owner: LinkOwner, settings: ReconnectSettings) {
    this.#owner = owner;
    this.clock = settings.connection.clock;
    this.queue = settings.offlineQueue;
    this.backoff = settings;
    this.topics = new ClientTopics(this);
  }

  opened(connection: ClientConnection): void {
    // A listener of `open` may have asked for the first topic.
    if (this.#opened === connection) return;
    this.#opened = connection;
    if (connection.protocol === SUBPROTOCOL) this.topics.connected();
    else this.topics.notSpoken(connection.protocol);
  }

  /** @returns A promise that delays further reading. */
  received(message: Message, isText: boolean): void | Promise<void> {
    if (isText) return this.topics.received(message.toString());
    this.violated('a frame is binary');
    return undefined;
  }

  wrapped(payload: Payload, options: SendOptions | undefined): string {
    const { opcode, data } = outgoing(payload, options?.binary);
    if (opcode === OPCODE.TEXT && typeof data !== 'string')
      return this.topics.wrapped(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
    return this.topics.wrapped(data);
  }

  // `TopicsHost`.

  fraction(): number {
    return this.backoff.connection.random.fraction();
  }

  get isWritable(): boolean {
    return this.#owner.connection?.state === 'open';
  }

  sendFrame(frame: string): void {
    if (this.isWritable) this.#owner.connection!.send(frame);
  }

  bytesOf(text: string): number {
    return Buffer.byteLength(text);
  }

  dataOf(payload: unknown): string | Uint8Array {
    return outgoing(payload as Payload, undefined).data;
  }

  toBase64(bytes: Uint8Array): string {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  }

  fromBase64(text: string): Buffer {
    const bytes = Buffer.from(text, 'base64');
    // Node ignores characters that do not belong there.
    if (bytes.toString('base64') !== text) throw new TypeError('not base64');
    return bytes;
  }

  message(message: string | Buffer): void | Promise<void> {
    return this.#owner.applicationMessage(message, typeof message === 'string');
  }

  /** Connections in Node have a heartbeat of their own. */
  greeted(): void {}

  listenerFailed(error: unknown, where: string): void {
    this.#owner.listenerFailed(error, where);
  }

  topicFailed(error: OperationError, where: string): void {
    this.#owner.topicFailed(error, where);
  }

  violated(detail: string): void {
    this.#owner.connection?.close(1002, detail);
  }
}
