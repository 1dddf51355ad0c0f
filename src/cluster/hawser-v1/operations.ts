import type { DriverOf } from '../../connection/connection.ts';
import type { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { PreparedRun } from '../../protocol/outgoing/prepared-run.ts';
import type { SessionHost } from '../../server/groups/session-host.ts';
import { Deciding } from './authorization.ts';
import type { Id } from './client-frame.ts';
import { type FailureCode, type FailureDetails, type ServerFrame, serverFrame } from './server-frame.ts';

/** Most operations of one client without an answer. While so many are open, the server does not read. */
const MAX_OPEN = 16;

/** An operation of a client: it gets exactly one answer. */
export interface Operation {
  readonly id: Id;
  isAnswered: boolean;
}

/** The operations of one session, and its answers. All its parts share this object. */
export class Operations<UserData> {
  readonly host: SessionHost<UserData>;
  readonly driver: DriverOf<UserData>;
  readonly deciding: Deciding;
  /** The connection is closed. */
  isOver = false;
  #open = 0;
  /** The client does not read its answers. */
  #isCongested = false;

  constructor(host: SessionHost<UserData>, driver: DriverOf<UserData>) {
    this.host = host;
    this.driver = driver;
    this.deciding = new Deciding(host.clock, host.options);
  }

  get wantsMore(): boolean {
    return this.#open < MAX_OPEN && !this.#isCongested;
  }

  /** Counts an operation until {@link end}. */
  begin(id: Id): Operation {
    this.#open++;
    return { id, isAnswered: false };
  }

  /** The operation uses nothing any longer. Call it once. */
  end(): void {
    const wasFull = this.#open === MAX_OPEN;
    this.#open--;
    if (wasFull) this.#readMore();
  }

  /** Answers an operation, unless it has an answer. */
  answer(operation: Operation, frame: ServerFrame): void {
    if (operation.isAnswered) return;
    operation.isAnswered = true;
    this.send(frame);
  }

  /** Answers a resume, unless it has an answer. The missed messages leave in the same write. */
  answerResume(operation: Operation, ok: PreparedMessage, run: PreparedRun): void {
    if (operation.isAnswered) return;
    operation.isAnswered = true;
    this.#sent(this.driver.sendFrame(ok));
    this.#sent(this.driver.sendRun(run));
  }

  fail(operation: Operation, code: FailureCode, message: string, details?: FailureDetails): void {
    this.answer(operation, { op: 'error', id: operation.id, code, message, ...details });
  }

  send(frame: ServerFrame): void {
    this.#sent(this.driver.sendFrame(serverFrame(frame)));
  }

  drained(): void {
    if (!this.#isCongested) return;
    this.#isCongested = false;
    this.#readMore();
  }

  /** Reports a failure of a function of the application. */
  failed(error: unknown, where: string): void {
    this.host.handlerFailed(error, this.driver, where);
  }

  /** Runs a step that an engine or a promise called. If it throws, only this connection ends. */
  attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.driver.failed(error);
    }
  }

  #sent(mayGoOn: boolean): void {
    if (!mayGoOn && this.driver.state === 'open') this.#isCongested = true;
  }

  #readMore(): void {
    if (!this.isOver) this.driver.deliveryReady();
  }
}
