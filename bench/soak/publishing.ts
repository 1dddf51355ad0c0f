import type { WebSocketServer } from '../../src/index.ts';

/** What a server publishes by itself: numbered messages to `room:0`, `room:1` and so on in turn. */
export interface PublishingPlan {
  readonly topics: number;
  readonly messagesPerSecond: number;
  readonly bytes: number;
}

/** Interval of the timer, in ms. */
const TICK_MS = 20;

/** Now, in ms since the epoch, with fractions: every process of a machine sees the same time. */
export const wallMs = (): number => performance.timeOrigin + performance.now();

/** Publishes on schedule until it ends. A message says its number in its topic and the time when it was published. */
export class Publishing {
  readonly #server: WebSocketServer;
  readonly #plan: PublishingPlan;
  readonly #numbers: number[];
  readonly #startMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;

  constructor(server: WebSocketServer, plan: PublishingPlan) {
    this.#server = server;
    this.#plan = plan;
    this.#numbers = Array.from({ length: plan.topics }, () => 0);
    this.#timer = setInterval(() => this.#publish(), TICK_MS);
  }

  /** Ends it. @returns How many messages each topic has. */
  end(): readonly number[] {
    clearInterval(this.#timer);
    return this.#numbers;
  }

  #publish(): void {
    const { topics, messagesPerSecond, bytes } = this.#plan;
    const due = Math.floor(((performance.now() - this.#startMs) * messagesPerSecond) / 1_000);
    for (; this.#sent < due; this.#sent++) {
      const at = this.#sent % topics;
      const number = ++this.#numbers[at]!;
      this.#server.publish(`room:${at}`, `${number} ${wallMs().toFixed(3)} `.padEnd(bytes, 'x'));
    }
  }
}
