import type { Platform } from './platform.ts';

/** Excess time of a timer, in ms, from which the page was frozen or the machine slept. */
const LATE_FROM_MS = 5_000;

/**
 * Finds a connection that is open and dead. A browser shows no pings, so the client sends one of `hawser.v1` after a time of
 * silence, and when the network or the page comes back. A page that was frozen could not hear an answer: then it asks again.
 */
export class SilenceWatch {
  readonly #platform: Platform;
  readonly #pingMs: number;
  readonly #pongTimeoutMs: number;
  readonly #ping: () => void;
  readonly #dead: () => void;
  #timer: unknown;
  #dueMs = 0;
  #heardMs: number;
  /** A ping has no answer yet. */
  #asked = false;

  constructor(
    platform: Platform,
    { pingMs, pongTimeoutMs }: { readonly pingMs: number; readonly pongTimeoutMs: number },
    ping: () => void,
    dead: () => void,
  ) {
    this.#platform = platform;
    this.#pingMs = Math.max(1_000, pingMs);
    this.#pongTimeoutMs = pongTimeoutMs;
    this.#ping = ping;
    this.#dead = dead;
    this.#heardMs = platform.wallNow();
    this.#wait(this.#pingMs);
  }

  /** Anything arrived. */
  heard(): void {
    this.#heardMs = this.#platform.wallNow();
    this.#asked = false;
  }

  /** Asks now. */
  probe(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#ping();
    this.#wait(this.#pongTimeoutMs);
  }

  stop(): void {
    this.#platform.clearTimer(this.#timer);
  }

  #wait(delayMs: number): void {
    this.stop();
    this.#dueMs = this.#platform.wallNow() + delayMs;
    this.#timer = this.#platform.setTimer(() => this.#due(), delayMs);
  }

  #due(): void {
    const nowMs = this.#platform.wallNow();
    const wasFrozen = nowMs - this.#dueMs > LATE_FROM_MS;
    if (this.#asked && !wasFrozen) {
      this.#dead();
      return;
    }
    const silentMs = nowMs - this.#heardMs;
    this.#asked = false;
    if (wasFrozen || silentMs >= this.#pingMs) this.probe();
    // After a change of the system clock, the silence may be below zero.
    else this.#wait(Math.min(this.#pingMs, this.#pingMs - silentMs));
  }
}
