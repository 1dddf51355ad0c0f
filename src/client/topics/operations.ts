import { OperationError, type Outcome } from './operation-error.ts';
import type { OkFrame, ReplyFrame } from './frames.ts';
import type { TopicsHost } from './topics-host.ts';

/** Operations without an answer, as the server allows. Further ones wait in the client. */
const MAX_OPEN = 16;
/** Bytes that a waiting operation counts in addition to its frame. */
const OPERATION_BYTES = 128;

/** What an operation does with its answer. Exactly one of the two is called, at most once. */
export interface Answered {
  readonly answered: (frame: OkFrame | ReplyFrame) => void;
  readonly failed: (error: OperationError) => void;
}

/** An operation with an id. */
export interface Operation extends Answered {
  readonly id: number;
  readonly frame: string;
  readonly bytes: number;
  /** Belongs to one connection, and is forgotten with it: `subscribe` and `unsubscribe`. They overtake waiting publishes. */
  readonly ofConnection: boolean;
  /** Send it again on the next connection if its answer is lost. */
  readonly resend: boolean;
  /** The outcome if it was never sent. */
  readonly unsent: Outcome | undefined;
  sent: boolean;
  /** Settled without an answer: the caller gave up. Its place is taken until the server answers. */
  abandoned: boolean;
  timer: unknown;
}

/** What {@link Operations.start} needs besides the frame. */
export interface OperationKind extends Answered {
  readonly ofConnection?: boolean;
  readonly resend?: boolean;
  readonly unsent?: Outcome;
  /** Longest time until the answer, in ms; without it, the longest time until it is sent is `ttlMs` of the queue. */
  readonly timeoutMs?: number;
}

/** The operations of one client: their ids, their queue, and those without an answer. */
export class Operations {
  readonly #host: TopicsHost;
  /** Sent and not answered. */
  readonly #open = new Map<number, Operation>();
  #urgent: Operation[] = [];
  #waiting: Operation[] = [];
  #waitingBytes = 0;
  #lastId = 0;
  #connected = false;

  constructor(host: TopicsHost) {
    this.#host = host;
  }

  /** Operations that wait to be sent or answered. */
  get size(): number {
    return this.#open.size + this.#urgent.length + this.#waiting.length;
  }

  /**
   * Sends an operation, or queues it.
   * @param fields The frame without `id`.
   */
  start(fields: Readonly<Record<string, unknown>>, kind: OperationKind): Operation {
    const id = ++this.#lastId;
    const frame = JSON.stringify({ ...fields, id });
    const operation: Operation = {
      answered: kind.answered,
      failed: kind.failed,
      id,
      frame,
      bytes: OPERATION_BYTES + this.#host.bytesOf(frame),
      ofConnection: kind.ofConnection === true,
      resend: kind.resend === true,
      unsent: kind.unsent,
      sent: false,
      abandoned: false,
      timer: undefined,
    };
    if (operation.ofConnection) this.#urgent.push(operation);
    else if (!this.#enqueue(operation)) return operation;
    this.#pump();
    if (operation.ofConnection || operation.abandoned) return operation;
    if (kind.timeoutMs !== undefined)
      operation.timer = this.#host.clock.setTimer(
        () =>
          this.abandon(
            operation,
            new OperationError('timeout', 'no answer in time', this.#outcomeOf(operation)),
          ),
        kind.timeoutMs,
      );
    else if (!operation.sent) this.#limitWait(operation);
    return operation;
  }

  /** Fails an operation that is queued for longer than `ttlMs`. */
  #limitWait(operation: Operation): void {
    const { clock } = this.#host;
    clock.clearTimer(operation.timer);
    operation.timer = clock.setTimer(() => {
      if (!this.#open.has(operation.id))
        this.abandon(
          operation,
          new OperationError('expired', 'queued longer than ttlMs', this.#outcomeOf(operation)),
        );
    }, this.#limits.ttlMs);
  }

  /** Fails an operation before its answer. */
  abandon(operation: Operation, error: OperationError): void {
    if (operation.abandoned) return;
    operation.abandoned = true;
    if (!this.#open.has(operation.id)) this.#remove(operation);
    this.#host.clock.clearTimer(operation.timer);
    operation.failed(error);
  }

  /** Outcome of an operation whose answer does not come. */
  outcomeOf(operation: Operation): Outcome | undefined {
    return operation.sent && operation.unsent !== undefined ? 'unknown' : operation.unsent;
  }

  /** A connection is open. */
  connected(): void {
    this.#connected = true;
    this.#pump();
  }

  /** The connection is closed. Operations without an answer fail, except those to be sent again. */
  disconnected(): void {
    this.#connected = false;
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#urgent = [];
    const again = open.filter(({ resend, abandoned }) => resend && !abandoned);
    for (const operation of again) {
      this.#waitingBytes += operation.bytes;
      this.#limitWait(operation);
    }
    this.#waiting = [...again, ...this.#waiting];
    for (const operation of open)
      if (!operation.resend && !operation.ofConnection)
        this.#fail(operation, 'disconnected', 'the connection broke before the answer');
  }

  /** @returns False for an id without an operation. */
  answer(id: unknown, settle: (operation: Operation) => void): boolean {
    const operation = typeof id === 'number' ? this.#open.get(id) : undefined;
    if (operation === undefined) return false;
    this.#open.delete(operation.id);
    this.#host.clock.clearTimer(operation.timer);
    if (!operation.abandoned) {
      operation.abandoned = true;
      settle(operation);
    }
    this.#pump();
    return true;
  }

  /** Fails all operations. */
  failAll(code: string, message: string, options?: ErrorOptions): void {
    const all = [...this.#open.values(), ...this.#urgent, ...this.#waiting];
    this.#open.clear();
    this.#urgent = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const operation of all) this.#fail(operation, code, message, options);
  }

  get #limits(): { readonly maxBytes: number; readonly maxMessages: number; readonly ttlMs: number } {
    const { queue } = this.#host;
    return queue === false ? { maxBytes: 1_048_576, maxMessages: 1_000, ttlMs: 30_000 } : queue;
  }

  #enqueue(operation: Operation): boolean {
    if (this.#host.queue === false && !this.#host.isWritable) {
      this.#fail(operation, 'offline', 'there is no connection, and offlineQueue is false');
      return false;
    }
    const { maxBytes, maxMessages } = this.#limits;
    if (this.#waiting.length >= maxMessages || this.#waitingBytes + operation.bytes > maxBytes) {
      this.#fail(operation, 'full', 'the queue of operations is full');
      return false;
    }
    this.#waiting.push(operation);
    this.#waitingBytes += operation.bytes;
    return true;
  }

  #pump(): void {
    while (this.#connected && this.#host.isWritable && this.#open.size < MAX_OPEN) {
      let operation = this.#urgent.shift();
      if (operation === undefined) {
        operation = this.#waiting.shift();
        if (operation === undefined) return;
        this.#waitingBytes -= operation.bytes;
      }
      operation.sent = true;
      this.#open.set(operation.id, operation);
      this.#host.sendFrame(operation.frame);
    }
  }

  #remove(operation: Operation): void {
    this.#urgent = this.#urgent.filter((each) => each !== operation);
    const at = this.#waiting.indexOf(operation);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#waitingBytes -= operation.bytes;
  }

  #fail(operation: Operation, code: string, message: string, options?: ErrorOptions): void {
    if (operation.abandoned) return;
    operation.abandoned = true;
    this.#host.clock.clearTimer(operation.timer);
    operation.failed(new OperationError(code, message, { ...options, ...this.#outcomeOf(operation) }));
  }

  #outcomeOf(operation: Operation): { readonly outcome: Outcome | undefined } {
    return { outcome: this.outcomeOf(operation) };
  }
}
