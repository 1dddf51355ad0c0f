import type { StreamOptions, StreamSource } from '../options/stream-source.ts';
import type { MisuseError } from '../protocol/errors.ts';
import { MessagesBehind } from '../protocol/outgoing/messages-behind.ts';
import { closedBefore } from './closed-error.ts';
import type { Link } from './link.ts';
import { StreamedMessage, type StreamOwner } from './streamed-message.ts';

/** Sent to the peer if a message in fragments cannot be completed: WebSocket has no other way to give it up. */
const INCOMPLETE = 1011;
const INCOMPLETE_REASON = 'a message was not completed';

/** The sending half that the streams belong to. */
export interface StreamsOwner {
  readonly link: Link;
  readonly owner: { readonly settings: { readonly highWaterMarkBytes: number } };
  /** A message in fragments was sent completely. */
  streamed(bytes: number, isText: boolean): void;
}

/** The messages that one connection sends in fragments, one after another. Exists from the first one on. */
export class OutgoingStreams implements StreamOwner {
  readonly #half: StreamsOwner;
  readonly #messages = new Set<StreamedMessage>();
  #last: Promise<unknown> | undefined;
  #roomWaiter: (() => void) | undefined;

  constructor(half: StreamsOwner) {
    this.#half = half;
  }

  async send(source: StreamSource, { binary, signal }: StreamOptions): Promise<number> {
    const message = new StreamedMessage(this, binary);
    this.#messages.add(message);
    const turn = this.#last;
    let over = (): void => {};
    const end = new Promise<void>((resolve) => {
      over = resolve;
    });
    // A message that gives up while it waits must not let the next one begin early.
    const last = turn === undefined ? end : Promise.all([turn, end]);
    this.#last = last;
    try {
      return await message.send(source, turn, signal);
    } finally {
      this.#messages.delete(message);
      if (this.#last === last)
        this.#last = turn === undefined || this.#messages.size === 0 ? undefined : turn;
      over();
    }
  }

  /** The connection is no longer open. */
  interrupted(): void {
    for (const message of this.#messages) message.interrupted();
  }

  /** Output was written. */
  flushed(): void {
    if (this.#roomWaiter === undefined || this.#aheadBytes > this.#markBytes / 2) return;
    this.#roomWaiter();
    this.#roomWaiter = undefined;
  }

  // `StreamOwner`.

  begin(): void {
    const { link } = this.#half;
    if (link.state !== 'open') throw this.closedError();
    link.outbox.passHeld();
    link.outbox.behind = new MessagesBehind();
  }

  fragment(opcode: number, payload: Uint8Array, isLast: boolean): void {
    const { link } = this.#half;
    if (link.state !== 'open') throw this.closedError();
    link.outbox.fragment(opcode, payload, isLast);
    link.sendMessage();
  }

  room(): Promise<void> | undefined {
    if (this.#aheadBytes <= this.#markBytes) return undefined;
    return new Promise((resolve) => {
      this.#roomWaiter = resolve;
    });
  }

  complete(bytes: number, isText: boolean): void {
    const { outbox } = this.#half.link;
    const { behind } = outbox;
    outbox.behind = undefined;
    this.#half.streamed(bytes, isText);
    behind?.passTo(outbox);
    this.#half.link.sendMessage();
  }

  abandon(): void {
    this.#half.link.end.close(INCOMPLETE, INCOMPLETE_REASON, 'local-close');
  }

  closedError(): MisuseError {
    return closedBefore('the streamed message was sent', this.#half.link.closeInfo);
  }

  get #markBytes(): number {
    return this.#half.owner.settings.highWaterMarkBytes;
  }

  /** Bytes that are sent before the next fragment. */
  get #aheadBytes(): number {
    const { link } = this.#half;
    return link.bufferedBytes - (link.outbox.behind?.countedBytes ?? 0);
  }
}
