import { type Clock, DEFAULT_CONNECT_OPTIONS } from '../client/index.ts';
import { compressed, CompressedForms } from './compressed-forms.ts';
import { EchoDriver } from './echo-driver.ts';
import { FanOutDriver } from './fan-out-driver.ts';
import { Fleet, mainFailure } from './fleet.ts';
import { FrameRing } from './frame-ring.ts';
import { HandshakeLoad } from './handshake-load.ts';
import type { LoadDriver, LoadWire } from './load-connection.ts';
import { LoadError, type LoadMode, type LoadPlan, type RandomBytes } from './load-plan.ts';
import { type LoadResult, resultOf, type RunFigures } from './load-result.ts';
import { addressesOf, destinationOf, openings } from './opening.ts';
import { payloadsOf } from './payloads.ts';
import { processUsage, type ProcessUsage } from './process-meter.ts';
import { type Answering, RunTime } from './run-time.ts';
import { Tally } from './tally.ts';
import { Timeline } from './timeline.ts';
import { TrafficDriver } from './traffic-driver.ts';
import { WindowMeter } from './window-meter.ts';

export type LoadPhase = 'connecting' | 'warming up' | 'measuring' | 'idle' | 'closing';

/** The progress of a run. */
export interface LoadSnapshot {
  readonly phase: LoadPhase;
  readonly open: number;
  /** Answered messages since the start. */
  readonly total: number;
}

export interface LoadSurroundings {
  /** Default: the clock of the system. */
  readonly clock?: Clock;
  /** Default: the random numbers of the system. */
  readonly random?: RandomBytes;
  /** Ends the run early. The result has the measurements up to that time. */
  readonly signal: AbortSignal;
  /** Length of the intervals of {@link LoadResult.timeline}, in ms. Without it there is no timeline. */
  readonly timelineMs?: number | undefined;
  /** Mode `idle`: called after each idle period, before and after traffic. The run waits for the result. */
  readonly settled?: () => Promise<void>;
}

/** Maximum distinct payloads; a longer pipeline repeats them. */
const MAX_PAYLOADS = 256;
/** Time limit of the closing handshakes, in ms. Then connections are aborted. */
const LEAVE_MS = 2_000;

/** Appended to the error about missing answers. */
const HINTS: Readonly<Record<LoadMode, string>> = {
  echo: '; is it an echo server?',
  'fan-out': '; does it send each message to all other connections?',
  handshake: '',
  idle: '; is it an echo server?',
};

/** One run of the load generator, from the first connection to the last. */
export class LoadRun {
  readonly tally = new Tally();
  #phase: LoadPhase = 'connecting';
  readonly #plan: LoadPlan;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #timelineMs: number | undefined;
  readonly #settled: (() => Promise<void>) | undefined;
  #wire: LoadWire;
  readonly #time: RunTime;
  #fleet: Fleet | undefined;
  #driver: LoadDriver | undefined;

  /** @throws LoadError for a plan that cannot run. */
  constructor(plan: LoadPlan, surroundings: LoadSurroundings) {
    const { clock, random } = { ...DEFAULT_CONNECT_OPTIONS, ...surroundings };
    const { signal, settled, timelineMs } = surroundings;
    this.#plan = plan;
    this.#clock = clock;
    this.#time = new RunTime(clock);
    this.#signal = signal;
    this.#settled = settled;
    this.#timelineMs = timelineMs;
    const { payload, mode, pipeline, publishes, target, verbatim, compress } = plan;
    const window = mode === 'fan-out' ? publishes : pipeline;
    const key = random.bytes(4 * MAX_PAYLOADS);
    const destination = destinationOf(target);
    if (target.proxy !== undefined && 'path' in destination.address)
      throw new LoadError('a proxy cannot be used with a ws+unix: URL: it cannot reach a Unix socket');
    const payloads = ringPayloads(payloadsOf(payload, Math.min(MAX_PAYLOADS, window)), window);
    this.#wire = {
      destination,
      addresses: [],
      opening: openings(destination, target, random, compress),
      tls: target.tls,
      proxy: target.proxy,
      ring: new FrameRing(
        payloads,
        payload.binary,
        (slot) => key.readInt32LE(4 * (slot % MAX_PAYLOADS)),
        compress ? payloads.map(compressed) : undefined,
      ),
      forms: compress ? new CompressedForms(payloads) : undefined,
      binary: payload.binary,
      verbatim,
      unsolicited: mode === 'handshake' || mode === 'idle',
      window,
      random,
    };
  }

  snapshot(): LoadSnapshot {
    return { phase: this.#phase, open: this.#fleet?.open.size ?? 0, total: this.tally.total };
  }

  /**
   * Executes the plan. Always closes everything that it opened.
   * @throws LoadError if nothing could be measured, or an answer was wrong.
   */
  async run(): Promise<LoadResult> {
    // Keeps the process alive: the timers of the clock do not, and at times no socket is open.
    const alive = setInterval(() => undefined, 60_000);
    const interrupt = (): void => this.#time.interrupt();
    this.#signal.addEventListener('abort', interrupt, { once: true });
    if (this.#signal.aborted) interrupt();
    try {
      this.#checkServerPid();
      // With a proxy, the proxy resolves the host name.
      if (this.#wire.proxy === undefined) {
        this.#wire = { ...this.#wire, addresses: await addressesOf(this.#wire.destination) };
      }
      return await (this.#plan.mode === 'handshake' ? this.#handshakes() : this.#messages());
    } finally {
      clearInterval(alive);
      this.#signal.removeEventListener('abort', interrupt);
    }
  }

  async #messages(): Promise<LoadResult> {
    const { mode, rampMs, timeoutMs, leave, connections } = this.#plan;
    const before = this.#serverUsage();
    const size = connections + (mode === 'fan-out' ? 1 : 0);
    const fleet = new Fleet({ size, rampMs, timeoutMs }, this.#wire, this.#clock, this.tally, {
      replied: (connection, count) => this.#driver?.replied(connection, count),
      lost: (connection) => {
        this.#driver?.lost(connection);
        if (fleet.open.size === 0)
          this.#time.fail(new LoadError(`all connections were lost: ${mainFailure(fleet.failures)}`));
      },
      failed: (error) => this.#time.fail(error),
    });
    this.#fleet = fleet;
    let result: LoadResult;
    try {
      await fleet.openAll(this.#time.signal);
      this.#time.throwIfFailed();
      if (fleet.open.size < (mode === 'fan-out' ? 2 : 1) && !this.#time.signal.aborted) {
        throw new LoadError(`no connection was opened: ${mainFailure(fleet.failures)}`);
      }
      result = await (mode === 'idle' ? this.#idle(fleet, before) : this.#exchange(fleet, before));
    } finally {
      this.#driver?.stop();
      this.#phase = 'closing';
      await fleet.leave(this.#time.error === undefined ? leave : 'reset', LEAVE_MS);
    }
    return mode === 'echo' && leave === 'close' ? { ...result, unanswered: fleet.unanswered } : result;
  }

  #exchange(fleet: Fleet, before: ProcessUsage | undefined): Promise<LoadResult> {
    const { mode, publishes, pipeline, ratePerSecond } = this.#plan;
    const [first, ...others] = fleet.open;
    const isFanOut = mode === 'fan-out' && first !== undefined;
    this.#driver = isFanOut
      ? new FanOutDriver(first, others, publishes, ratePerSecond, this.#clock, this.tally)
      : new EchoDriver(fleet.open, pipeline, ratePerSecond, this.#clock, this.tally);
    const connections = fleet.open.size - (isFanOut ? 1 : 0);
    return this.#measure(this.#driver, before, connections, fleet.failures);
  }

  async #handshakes(): Promise<LoadResult> {
    const { connections, ratePerSecond, timeoutMs, leave, keep } = this.#plan;
    const settings = { atOnce: connections, ratePerSecond, timeoutMs, leave, keep };
    const before = this.#serverUsage();
    const load = new HandshakeLoad(settings, this.#wire, this.#clock, this.tally, (error) =>
      this.#time.fail(error),
    );
    try {
      const result = await this.#measure(load, before, connections, load.failures);
      if (this.tally.total === 0 && load.failures.size > 0) {
        throw new LoadError(`no connection was opened: ${mainFailure(load.failures)}`);
      }
      return result;
    } finally {
      this.#phase = 'closing';
      await load.stop();
    }
  }

  /** Runs the load for the warm-up, then measures it. */
  async #measure(
    driver: Pick<LoadDriver, 'start' | 'waiting'>,
    before: ProcessUsage | undefined,
    connections: number,
    failures: ReadonlyMap<string, number>,
  ): Promise<LoadResult> {
    const { warmUpMs, durationMs } = this.#plan;
    const { tally } = this;
    this.#phase = 'warming up';
    driver.start();
    const endWatch = this.#watch(driver);
    let timeline: Timeline | undefined;
    try {
      await this.#time.wait(warmUpMs);
      this.#phase = 'measuring';
      const meter = new WindowMeter(this.#plan.serverPid, this.#clock);
      tally.begin();
      timeline =
        this.#timelineMs === undefined ? undefined : new Timeline(tally, this.#clock, this.#timelineMs);
      await this.#time.wait(durationMs);
      tally.measuring = false;
      return this.#result({
        window: meter.end(),
        before,
        connections,
        failures,
        timeline: timeline?.end(),
      });
    } finally {
      timeline?.end();
      endWatch();
    }
  }

  /** Measures the server's memory with idle connections, and again after traffic if the plan has any. */
  async #idle(fleet: Fleet, before: ProcessUsage | undefined): Promise<LoadResult> {
    const { durationMs, traffic } = this.#plan;
    const connections = fleet.open.size;
    this.#phase = 'idle';
    const meter = new WindowMeter(this.#plan.serverPid, this.#clock);
    await this.#time.wait(durationMs);
    const window = meter.end();
    await this.#settled?.();
    let afterTraffic: number | undefined;
    if (traffic > 0 && !this.#time.signal.aborted) {
      await this.#someTraffic(fleet, traffic);
      await this.#time.wait(durationMs);
      afterTraffic = this.#serverUsage()?.rssBytes;
      await this.#settled?.();
    }
    return this.#result({ window, before, connections, failures: fleet.failures, afterTraffic });
  }

  async #someTraffic(fleet: Fleet, each: number): Promise<void> {
    this.#phase = 'warming up';
    const { signal } = this.#time;
    let endWatch = (): void => undefined;
    await new Promise<void>((resolve) => {
      const driver = new TrafficDriver(fleet.open, each, this.#clock, this.tally, resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
      endWatch = this.#watch(driver);
      this.#driver = driver;
      driver.start();
    }).finally(() => endWatch());
    this.#phase = 'idle';
  }

  #serverUsage(): ProcessUsage | undefined {
    const { serverPid } = this.#plan;
    return serverPid === undefined ? undefined : processUsage(serverPid);
  }

  /** Fails the run if no answer arrives within the time limit. @returns A function that ends the watch. */
  #watch(driver: Answering): () => void {
    const { timeoutMs, mode } = this.#plan;
    const { tally } = this;
    tally.lastMs = this.#clock.now();
    return this.#time.watch(driver, () => tally.lastMs, timeoutMs, HINTS[mode]);
  }

  #checkServerPid(): void {
    const { serverPid } = this.#plan;
    if (serverPid !== undefined && this.#serverUsage() === undefined)
      throw new LoadError(
        `there are no figures of process ${serverPid}: it does not exist or has ended, or this system has neither /proc nor ps`,
      );
  }

  #result(figures: RunFigures): LoadResult {
    const { mode } = this.#plan;
    if (!this.#signal.aborted) {
      this.#checkServerPid();
      if (this.tally.total === 0 && (mode === 'echo' || mode === 'fan-out'))
        throw new LoadError(`no message came back${HINTS[mode]}`);
    }
    return resultOf(mode, this.tally, figures, this.#signal.aborted);
  }
}

/** Repeats payloads until the ring has one slot for each message that may be in flight. */
function ringPayloads(payloads: readonly Buffer[], length: number): Buffer[] {
  return Array.from({ length }, (_, slot) => payloads[slot % payloads.length]!);
}
