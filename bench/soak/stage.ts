import { setTimeout as delay } from 'node:timers/promises';
import { type LoadPlan, processUsage } from '../../src/load/index.ts';
import type { ClientSample } from './client-sample.ts';
import type { Point } from './flatness.ts';
import { Peer, type PeerOptions } from './peer.ts';
import type { Mark, Recording, Sample } from './samples.ts';
import type { LoadOutcome, SoakFigures } from './scenario.ts';
import type { Role, ServerSample, ServerSettings } from './server-settings.ts';

export interface StageSettings {
  readonly server: ServerSettings;
  /** How the process of the server runs. */
  readonly serverProcess?: PeerOptions;
  /** How each process of clients runs; one without this. */
  readonly clientProcesses?: readonly PeerOptions[];
}

/** Rows of a recording; a run that is short has fewer. */
const ROWS = 360;
const LEAST_SAMPLE_MS = 200;
/** Times at which the live heap is measured. Full collections change what they measure, so there are few. */
const COLLECTIONS = 40;
const LEAST_COLLECTION_MS = 15_000;
/** Time limit of an answer of a process that records a sample. */
const SAMPLE_DEADLINE_MS = 10_000;
/** Default time limit of {@link Stage.until}. */
const UNTIL_MS = 60_000;
const LOOK_MS = 50;
/** Shortest load. In a shorter one, a slow machine may get no answer at all. */
const LEAST_LOAD_MS = 1_000;

/** A server and its clients, each in a process of its own, and what is recorded of them. */
export class Stage implements Recording {
  readonly samples: Sample[] = [];
  readonly marks: Mark[] = [];
  readonly live: Point[] = [];
  readonly clients: readonly Peer[];
  ports: Partial<Record<Role, number>> = {};
  readonly #settings: StageSettings;
  readonly #startMs = performance.now();
  readonly #recording = new AbortController();
  #recorder: Promise<void> = Promise.resolve();
  #server: Peer | undefined;

  private constructor(settings: StageSettings) {
    this.#settings = settings;
    this.clients = (settings.clientProcesses ?? [{}]).map((options) => new Peer('clients', options));
  }

  /** @param durationMs Planned length of the run; says how often samples are taken. */
  static async open(settings: StageSettings, durationMs: number): Promise<Stage> {
    const stage = new Stage(settings);
    try {
      await stage.startServer();
    } catch (error) {
      await stage.end();
      throw error;
    }
    stage.#recorder = stage.#record(durationMs);
    return stage;
  }

  /** @throws Error while there is no server. */
  get server(): Peer {
    if (this.#server === undefined) throw new Error('the server was ended');
    return this.#server;
  }

  get nowMs(): number {
    return performance.now() - this.#startMs;
  }

  /** Starts the server, again on its former ports. */
  async startServer(): Promise<void> {
    const { execArgv = [], within } = this.#settings.serverProcess ?? {};
    const server = new Peer('server', {
      execArgv: ['--expose-gc', ...execArgv],
      ...(within && { within }),
    });
    this.#server = server;
    this.ports = await server.ask('start', { ...this.#settings.server, ports: this.ports });
  }

  /** Ends the server as a crash does. */
  async killServer(): Promise<void> {
    const server = this.server;
    this.#server = undefined;
    await server.kill();
  }

  /** Notes what the scenario does now. */
  mark(says: string): void {
    this.marks.push({ atMs: this.nowMs, says });
  }

  /** @param path `inside` is the path of clients with the priority `critical`. */
  url(role: Role, path: '' | 'inside' = ''): string {
    return `ws://127.0.0.1:${this.ports[role]}/${path}`;
  }

  plan(role: Role, plan: Partial<LoadPlan>): LoadPlan {
    return {
      mode: 'echo',
      target: { url: this.url(role, 'inside'), headers: [], protocols: [], tls: {} },
      connections: 1,
      payload: { bytes: 200, binary: false, multibyte: false },
      compress: false,
      pipeline: 1,
      publishes: 1,
      ratePerSecond: undefined,
      rampMs: 0,
      warmUpMs: 0,
      durationMs: 1_000,
      timeoutMs: 30_000,
      traffic: 0,
      keep: 0,
      serverPid: undefined,
      leave: 'close',
      verbatim: false,
      ...plan,
    };
  }

  /** Runs a load in a process of clients. Never rejects: a load that fails is a finding. */
  async load(
    name: string,
    role: Role,
    plan: Partial<LoadPlan>,
    clients = this.clients[0]!,
  ): Promise<LoadOutcome> {
    try {
      const whole = this.plan(role, plan);
      const durationMs = Math.max(LEAST_LOAD_MS, whole.durationMs);
      return {
        figures: await clients.ask<SoakFigures>('load', { name, plan: { ...whole, durationMs } }),
      };
    } catch (error) {
      return { failure: (error as Error).message };
    }
  }

  sample(): Promise<ServerSample> {
    return this.server.ask<ServerSample>('sample');
  }

  /** Waits until load control, if it is on, says that the load is normal. */
  untilNormal(): Promise<boolean> {
    return this.until(async () => ['normal', undefined].includes((await this.sample()).level));
  }

  /** Waits until a condition holds. @returns Whether it did within the time limit. */
  async until(condition: () => Promise<boolean> | boolean, limitMs = UNTIL_MS): Promise<boolean> {
    const endMs = performance.now() + limitMs;
    while (!(await condition())) {
      if (performance.now() > endMs) return false;
      await delay(LOOK_MS);
    }
    return true;
  }

  /** Takes no more samples. */
  async stopRecording(): Promise<void> {
    this.#recording.abort();
    await this.#recorder;
  }

  async end(): Promise<void> {
    await this.stopRecording();
    await Promise.all([...this.clients, ...(this.#server ? [this.#server] : [])].map((peer) => peer.kill()));
  }

  async #record(durationMs: number): Promise<void> {
    const { signal } = this.#recording;
    const everyMs = Math.max(LEAST_SAMPLE_MS, durationMs / ROWS);
    const collectMs = Math.max(LEAST_COLLECTION_MS, durationMs / COLLECTIONS);
    let collectedMs = this.nowMs;
    let before: { readonly pid: number; readonly atMs: number; readonly cpuMicros: number } | undefined;
    let beforeMs = this.nowMs;
    while (!signal.aborted) {
      await delay(everyMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const peer = this.#server;
      const [server, ...clients] = await Promise.all([
        peer === undefined ? null : inTime(peer.ask<ServerSample>('sample')),
        ...this.clients.map((one) => inTime(one.ask<ClientSample>('sample'))),
      ]);
      const atMs = this.nowMs;
      const usage = peer?.isAlive === true ? processUsage(peer.pid) : undefined;
      const cpuShare =
        usage === undefined || before?.pid !== peer!.pid
          ? null
          : (usage.cpuMicros - before.cpuMicros) / 1_000 / (atMs - before.atMs);
      before = usage && { pid: peer!.pid, atMs, cpuMicros: usage.cpuMicros };
      const known = clients.filter((one) => one !== null);
      const messages = known.reduce((sum, one) => sum + one.messages, 0);
      this.samples.push({
        atMs,
        server,
        cpuShare,
        open: known.reduce((sum, { open }) => sum + open, 0),
        ratePerSecond: (messages * 1_000) / (atMs - beforeMs),
        p50Ms: worst(known.map(({ p50Ms }) => p50Ms)),
        p99Ms: worst(known.map(({ p99Ms }) => p99Ms)),
      });
      beforeMs = atMs;
      if (atMs - collectedMs >= collectMs) {
        collectedMs = atMs;
        const value = await inTime(this.#server?.ask<number>('live') ?? Promise.resolve(null));
        if (value !== null) this.live.push({ atMs, value });
      }
    }
  }
}

/** The answer, or `null` if it fails or takes too long. */
async function inTime<Value>(answer: Promise<Value>): Promise<Value | null> {
  const limit = new AbortController();
  const late = delay(SAMPLE_DEADLINE_MS, null, { signal: limit.signal }).catch(() => null);
  try {
    return await Promise.race([answer.catch(() => null), late]);
  } finally {
    limit.abort();
  }
}

const worst = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((most, value) => (value === null ? most : Math.max(most ?? 0, value)), null);
