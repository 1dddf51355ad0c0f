import type { ResolvedServerOptions } from './server-options.ts';

/** Longest time that an option allows, in ms. */
const MAX_MS = 2 ** 31 - 1;

/** How much of the configured service a server gives. The load of the process may lower it. */
export interface Quality {
  /** `pingIntervalMs` and `idleTimeoutMs` are multiplied by this number. 1 or more. */
  readonly intervalFactor: number;
  /** `highWaterMarkBytes` is multiplied by this number. Above 0, at most 1. */
  readonly highWaterMarkFactor: number;
  /** Whether new connections may negotiate compression. */
  readonly compresses: boolean;
}

export const FULL_QUALITY: Quality = Object.freeze({
  intervalFactor: 1,
  highWaterMarkFactor: 1,
  compresses: true,
});

/**
 * The settings of one server while it runs, in two layers: what is configured, and the quality on top. Each layer changes
 * without the other: a new value that is configured while the quality is reduced is reduced, too, and full quality gives exactly
 * what is configured.
 */
export class LiveSettings<UserData> {
  /**
   * The settings in force: both layers. One object as long as the server lives, changed in place. Connections and admission keep
   * it and read it at their next check, so a change costs a message nothing.
   */
  readonly inForce: ResolvedServerOptions<UserData>;
  #configured: ResolvedServerOptions<UserData>;
  #quality = FULL_QUALITY;

  constructor(configured: ResolvedServerOptions<UserData>) {
    this.#configured = configured;
    this.inForce = { ...configured };
  }

  /** What is configured, whatever the quality. Frozen. */
  get configured(): ResolvedServerOptions<UserData> {
    return this.#configured;
  }

  get quality(): Quality {
    return this.#quality;
  }

  /** @param configured Checked; options that cannot change at run time must be those of before. */
  configure(configured: ResolvedServerOptions<UserData>): void {
    this.#configured = configured;
    this.#apply();
  }

  setQuality(quality: Quality): void {
    this.#quality = quality;
    this.#apply();
  }

  #apply(): void {
    const { intervalFactor, highWaterMarkFactor } = this.#quality;
    const { pingIntervalMs, idleTimeoutMs, highWaterMarkBytes } = this.#configured;
    const longer = (ms: number): number => Math.min(MAX_MS, Math.round(ms * intervalFactor));
    Object.assign(this.inForce, this.#configured, {
      pingIntervalMs: longer(pingIntervalMs),
      idleTimeoutMs: idleTimeoutMs === false ? false : longer(idleTimeoutMs),
      highWaterMarkBytes: Math.max(1, Math.floor(highWaterMarkBytes * highWaterMarkFactor)),
    });
  }
}
