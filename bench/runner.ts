import { join } from 'node:path';
import process from 'node:process';
import { LatencyHistogram, type LoadPlan, type LoadResult } from '../src/load/index.ts';
import { type Cell, cellId, type Endpoint } from './cells.ts';
import { Child, CORE } from './child.ts';
import type { LoadAnswer } from './load.ts';
import type { Announcement } from './servers/announce.ts';
import { type Side, sidesOf } from './sides.ts';

/** Figures of one server in one window. */
export interface Sample {
  readonly ratePerSecond: number;
  /** CPU time of the server. */
  readonly cpuMicros: number;
  /** CPU time of the load generator. */
  readonly generatorMicros: number;
  readonly generatorBusyShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** For a fan-out: median time until the last recipient has received everything of a turn. */
  readonly lastRecipientMs: number;
  readonly rssBytes: number;
}

export interface Times {
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** Measures large messages without new processes, as `--quick` does. The run takes half as long. */
  readonly keepsProcesses?: boolean;
}

/** A sample, or the reason of a failure. */
export type Outcome =
  | { readonly cell: Cell; readonly side: Side; readonly sample: Sample }
  | { readonly cell: Cell; readonly side: Side; readonly failure: string };

const TIMEOUT_MS = 20_000;
/** A second attempt, because a machine that is busy for a whole window is not the fault of the server. */
const ATTEMPTS = 2;
/** Approximate throughput of a server; estimates how long one turn of all messages in flight takes. */
const BYTES_PER_MS = 1_000_000;
/**
 * Turns that a window must contain, and turns of the warm-up. In a shorter window, a server that serves all connections evenly has
 * completed nothing yet while a server that favours some connections has. The first turn of a connection is not typical either.
 */
const TURNS = { window: 10, warmUp: 3 };
/** A warm-up of the longest time lets V8 compile what runs once for each message. */
const LONGEST = { windowMs: 2_500, warmUpMs: 1_500 };
/**
 * Echoes of messages of at least this size run in a new process. After 8 s without load, which every side has while the others
 * are measured, V8 keeps the heap small. From then on it runs a full collection for every 16 to 24 MB of messages, so the figures
 * would show the idle time. A new process always has the longest warm-up.
 */
const FRESH_FROM_BYTES = 16_384;
/** Longer windows for handshakes: one takes as long as hundreds of messages, so its code is compiled late. */
const HANDSHAKE_WINDOWS = 3;

/** A load plan. Default: an echo of 128 bytes on one connection. */
export function planFor(url: string, side: Side, serverPid: number, plan: Partial<LoadPlan>): LoadPlan {
  return {
    mode: 'echo',
    target: { url, headers: [], protocols: [], tls: { rejectUnauthorized: false } },
    connections: 1,
    payload: { bytes: 128, binary: true, multibyte: false },
    compress: false,
    pipeline: 1,
    publishes: 1,
    ratePerSecond: undefined,
    rampMs: 0,
    warmUpMs: 100,
    durationMs: 500,
    timeoutMs: TIMEOUT_MS,
    traffic: 0,
    // Connections stay open until the window has ended: closing is not part of a handshake.
    keep: 5_000,
    serverPid,
    leave: 'reset',
    verbatim: side.verbatim,
    ...plan,
  };
}

/** A server in its own process. */
export class Server {
  readonly side: Side;
  readonly announcement: Announcement;
  readonly child: Child;

  private constructor(side: Side, child: Child, announcement: Announcement) {
    this.side = side;
    this.child = child;
    this.announcement = announcement;
  }

  static async start(side: Side, env: Readonly<Record<string, string>> = {}): Promise<Server> {
    const child = new Child(side.title, CORE.SERVER, side.command, { ...side.env, ...env });
    try {
      return new Server(side, child, await child.next<Announcement>());
    } catch (error) {
      await child.kill();
      throw error;
    }
  }

  plan(endpoint: Endpoint, plan: Partial<LoadPlan>): LoadPlan {
    const url = `${endpoint === 'tls' ? 'wss' : 'ws'}://127.0.0.1:${this.announcement.ports[endpoint]}/`;
    return planFor(url, this.side, this.child.pid, plan);
  }
}

/** The load generator in its own process. */
export class Generator {
  readonly child = new Child(
    'the load generator',
    CORE.LOAD,
    [process.execPath, join(import.meta.dirname, 'load.js')],
    {},
  );

  /**
   * Runs a plan.
   * @param settled Called when idle connections have been idle for the planned time.
   * @throws Error with the reason if the run fails.
   */
  async run(plan: LoadPlan, settled: () => Promise<void> = () => Promise.resolve()): Promise<LoadResult> {
    this.child.say(JSON.stringify(plan));
    for (;;) {
      const answer = await this.child.next<LoadAnswer>();
      if (answer.type === 'result') return answer.result;
      if (answer.type === 'failed') throw new Error(answer.why);
      await settled();
      this.child.say('go on');
    }
  }
}

/**
 * One round. Every side gets a new process, and another new one for each echo of large messages. A cell is measured on all its
 * sides right after each other, so noise that lasts longer affects all of them. The side that begins changes from cell to cell
 * and from round to round. A side that fails in a cell is restarted; the other sides continue.
 */
export class Round {
  readonly versions: Record<string, string> = {};
  readonly #servers = new Map<Side, Server>();
  readonly #times: Times;
  #generator = new Generator();

  private constructor(times: Times) {
    this.#times = times;
  }

  static async start(sides: readonly Side[], times: Times): Promise<Round> {
    const round = new Round(times);
    try {
      for (const side of sides) await round.#serverOf(side);
      return round;
    } catch (error) {
      await round.end();
      throw error;
    }
  }

  /** @param turn Selects the side that begins. */
  async measure(cell: Cell, sides: readonly Side[], turn: number): Promise<Outcome[]> {
    const entitled = sidesOf(cell, sides);
    const first = turn % entitled.length;
    const outcomes: Outcome[] = [];
    for (const side of [...entitled.slice(first), ...entitled.slice(0, first)]) {
      outcomes.push(await this.#attempt(cell, side, ATTEMPTS));
    }
    return outcomes;
  }

  async #attempt(cell: Cell, side: Side, attempts: number): Promise<Outcome> {
    try {
      return { cell, side, sample: await this.#sample(cell, side) };
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      process.stderr.write(`\n${cellId(cell)} on ${side.title}: ${failure}\n`);
      await this.#startAgain(side);
      return attempts > 1 ? this.#attempt(cell, side, attempts - 1) : { cell, side, failure };
    }
  }

  async end(): Promise<void> {
    await Promise.all(
      [this.#generator.child, ...[...this.#servers.values()].map(({ child }) => child)].map((child) =>
        child.kill(),
      ),
    );
  }

  async #serverOf(side: Side): Promise<Server> {
    const running = this.#servers.get(side);
    if (running?.child.alive === true) return running;
    const server = await Server.start(side);
    this.#servers.set(side, server);
    this.versions[side.id] = server.announcement.version;
    // Unmeasured load, as a warm-up.
    for (const endpoint of side.endpoints) {
      const mode = endpoint === 'relay' || endpoint === 'deflateRelay' ? 'fan-out' : 'echo';
      const compress = endpoint.startsWith('deflate');
      const durationMs = this.#times.windowMs / 2;
      await this.#generator.run(
        server.plan(endpoint, {
          mode,
          compress,
          connections: 20,
          // above the compression threshold
          payload: { bytes: compress ? 2_048 : 128, binary: true, multibyte: false },
          pipeline: 8,
          publishes: 8,
          warmUpMs: 0,
          durationMs,
        }),
      );
    }
    return server;
  }

  async #startAgain(side: Side): Promise<void> {
    await this.#generator.child.kill();
    this.#generator = new Generator();
    await this.#servers.get(side)?.child.kill();
  }

  async #sample(cell: Cell, side: Side): Promise<Sample> {
    if (!startsFresh(cell, this.#times)) return this.#measured(cell, await this.#serverOf(side));
    const server = await Server.start(side);
    try {
      return await this.#measured(cell, server);
    } finally {
      await server.child.kill();
    }
  }

  async #measured(cell: Cell, server: Server): Promise<Sample> {
    const { mode, connections, payload, compress, pipeline, publishes, endpoint } = cell;
    const { warmUpMs, durationMs } = timesOf(cell, this.#times);
    const result = await this.#generator.run(
      server.plan(endpoint, {
        mode,
        connections,
        payload,
        compress,
        pipeline,
        publishes,
        warmUpMs,
        durationMs,
      }),
    );
    const [failure] = Object.entries(result.failures);
    if (failure !== undefined) throw new Error(`${failure[1]} connections failed: ${failure[0]}`);
    return sampleOf(result);
  }
}

/** Whether a cell needs a new process. Hawser with everything on would wait for minutes, and V8 discards unused code. */
const startsFresh = ({ mode, payload, contest }: Cell, { keepsProcesses = false }: Times): boolean =>
  mode === 'echo' &&
  (contest === 'with everything on' || (!keepsProcesses && payload.bytes >= FRESH_FROM_BYTES));

/** Duration of the window and of the warm-up of a cell. */
export function timesOf(
  cell: Cell,
  times: Times,
): { readonly warmUpMs: number; readonly durationMs: number } {
  const { mode, connections, pipeline, publishes, payload } = cell;
  const { warmUpMs, windowMs } = times;
  if (mode === 'handshake') {
    return { warmUpMs: LONGEST.warmUpMs, durationMs: windowMs * HANDSHAKE_WINDOWS };
  }
  const turnMs = Math.round((connections * pipeline * publishes * payload.bytes) / BYTES_PER_MS);
  return {
    warmUpMs: Math.max(
      startsFresh(cell, times) ? LONGEST.warmUpMs : warmUpMs,
      Math.min(TURNS.warmUp * turnMs, LONGEST.warmUpMs),
    ),
    durationMs: Math.max(windowMs, Math.min(TURNS.window * turnMs, LONGEST.windowMs)),
  };
}

/** @throws Error if no message came back. */
export function sampleOf(result: LoadResult): Sample {
  const { messages, elapsedMs, generator, server } = result;
  if (messages === 0) throw new Error('nothing came back');
  const latency = new LatencyHistogram();
  latency.add(result.latency);
  const lastRecipient = new LatencyHistogram();
  lastRecipient.add(result.lastRecipient);
  return {
    ratePerSecond: (messages * 1_000) / elapsedMs,
    cpuMicros: (server?.cpuMicros ?? 0) / messages,
    generatorMicros: (generator.cpuMicros ?? 0) / messages,
    generatorBusyShare: generator.busyShare,
    p50Ms: latency.quantileMs(0.5),
    p99Ms: latency.quantileMs(0.99),
    lastRecipientMs: lastRecipient.quantileMs(0.5),
    rssBytes: server?.rssBytes.open ?? 0,
  };
}
