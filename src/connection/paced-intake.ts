import type { Priority } from '../options/priority.ts';
import { Intake, type IntakeLink } from './intake.ts';
import type { LinkOwner } from './link-owner.ts';
import type { ConnectionContext } from './owner.ts';

/** Before the first message, and while nothing has to wait. */
const ANY_TIME = Number.NEGATIVE_INFINITY;

/** How long a sender waits between two of its messages. One object per server, changed in place. */
export interface Pace {
  /** In ms, by the priority of the connection. */
  readonly delaysMs: Readonly<Record<Priority, number>>;
}

/**
 * An {@link Intake} of a server with load control: after a message, the next one waits as long as the pace says, and reading
 * stops meanwhile, as for a rate limit. A class of its own, so that servers without load control make no comparison per message.
 */
export class PacedIntake extends Intake {
  readonly #link: IntakeLink;
  readonly #owner: LinkOwner;
  readonly #context: ConnectionContext;
  readonly #pace: Pace;
  /** Time from which the next message may be taken. */
  #nextMs = ANY_TIME;

  constructor(link: IntakeLink, owner: LinkOwner, context: ConnectionContext, pace: Pace) {
    super(link, owner, context);
    this.#link = link;
    this.#owner = owner;
    this.#context = context;
    this.#pace = pace;
  }

  override mayTake(): boolean {
    if (!super.mayTake()) return false;
    if (this.#nextMs === ANY_TIME) return true;
    const { inputEnded, state, core, watch } = this.#link;
    // The rest of a connection that ends is not worth a delay.
    if (inputEnded || state !== 'open' || core.unreadBytes === 0) return true;
    if (this.#context.deadlines.now() >= this.#nextMs) {
      this.#nextMs = ANY_TIME;
      return true;
    }
    watch.throttle(this.#nextMs);
    this.#link.plan();
    return false;
  }

  override take(): boolean {
    const { core } = this.#link;
    const before = core.messagesReceived;
    const hasMore = super.take();
    if (core.messagesReceived > before) {
      const delayMs = this.#pace.delaysMs[this.#owner.priority ?? 'normal'];
      if (delayMs > 0) this.#nextMs = this.#context.deadlines.now() + delayMs;
    }
    return hasMore;
  }
}
