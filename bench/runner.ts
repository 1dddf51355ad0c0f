import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Cell } from './cells.ts';
import type { LoadMessage, LoadRequest, ServerMessage } from './protocol.ts';

export const SIDES = ['hawser', 'ws'] as const;
export type Side = (typeof SIDES)[number];

/** What one server did in one window. */
export interface Sample {
  readonly messagesPerSecond: number;
  readonly cpuMicrosPerMessage: number;
  readonly latencyMicros: readonly number[];
}
export interface CellResult {
  readonly cell: Cell;
  /** One per round and side; those of the same index were measured next to each other. */
  readonly samples: Readonly<Record<Side, readonly Sample[]>>;
}

/** Whether servers and load can have a core each. */
export const pinned: boolean =
  availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** A process of the benchmark, on a core of its own where that can be had. */
class Worker<Message extends { readonly type: string }> {
  readonly #child: ChildProcess;
  readonly #name: string;

  constructor(core: number, script: string, ...args: string[]) {
    const command = [process.execPath, join(import.meta.dirname, script), ...args];
    const [program = '', ...rest] = pinned ? ['taskset', '-c', String(core), ...command] : command;
    this.#name = [script, ...args].join(' ');
    this.#child = spawn(program, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  /** @throws Error if the process ends or reports a failure instead. */
  async next<Type extends Message['type']>(type: Type): Promise<Extract<Message, { readonly type: Type }>> {
    const abort = new AbortController();
    const { signal } = abort;
    const gone = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error(`${this.#name} ended`);
    });
    try {
      const [message] = (await Promise.race([once(this.#child, 'message', { signal }), gone])) as [Message];
      if (message.type !== type)
        throw new Error(`${this.#name} said ${JSON.stringify(message)}, not ${type}`);
      return message as Extract<Message, { readonly type: Type }>;
    } finally {
      gone.catch(() => undefined);
      abort.abort();
    }
  }

  ask(request: unknown): void {
    this.#child.send(request as object);
  }

  kill(): void {
    this.#child.kill();
  }
}

/** Two servers and a load generator, each a process of its own. */
export class Runner {
  readonly versions: Readonly<Record<Side, string>>;
  readonly #servers: Readonly<Record<Side, Worker<ServerMessage>>>;
  readonly #ports: Readonly<Record<Side, number>>;
  readonly #load: Worker<LoadMessage>;

  private constructor(
    servers: Readonly<Record<Side, Worker<ServerMessage>>>,
    ports: Readonly<Record<Side, number>>,
    versions: Readonly<Record<Side, string>>,
    load: Worker<LoadMessage>,
  ) {
    this.#servers = servers;
    this.#ports = ports;
    this.versions = versions;
    this.#load = load;
  }

  static async start(): Promise<Runner> {
    const servers = {
      hawser: new Worker<ServerMessage>(0, 'server.js', 'hawser'),
      ws: new Worker<ServerMessage>(0, 'server.js', 'ws'),
    };
    const load = new Worker<LoadMessage>(1, 'load.js');
    try {
      const [hawser, ws] = await Promise.all([
        servers.hawser.next('listening'),
        servers.ws.next('listening'),
        load.next('ready'),
      ]);
      const ports = { hawser: hawser.port, ws: ws.port };
      return new Runner(servers, ports, { hawser: hawser.version, ws: ws.version }, load);
    } catch (error) {
      for (const worker of [servers.hawser, servers.ws, load]) worker.kill();
      throw error;
    }
  }

  /** Measures one cell: in each round both sides, beginning with one and the other by turns. */
  async measure(cell: Cell, rounds: number, times: Omit<LoadRequest, 'cell' | 'port'>): Promise<CellResult> {
    const samples: Record<Side, Sample[]> = { hawser: [], ws: [] };
    for (let round = 0; round < rounds; round++) {
      for (const side of round % 2 === 0 ? SIDES : [...SIDES].reverse()) {
        samples[side].push(await this.#sample(side, { cell, port: this.#ports[side], ...times }));
      }
    }
    return { cell, samples };
  }

  stop(): void {
    for (const side of SIDES) this.#servers[side].kill();
    this.#load.kill();
  }

  async #sample(side: Side, request: LoadRequest): Promise<Sample> {
    const load = this.#load;
    load.ask(request);
    await load.next('windowBegins');
    const ended = load.next('windowEnds');
    const before = await this.#cpuMicros(side);
    const { messages, elapsedMs, latencyMicros } = await ended;
    const ready = load.next('ready');
    const after = await this.#cpuMicros(side);
    await ready;
    if (messages === 0) throw new Error(`${side} answered nothing in ${request.cell.name}`);
    return {
      messagesPerSecond: (messages * 1_000) / elapsedMs,
      cpuMicrosPerMessage: (after - before) / messages,
      latencyMicros,
    };
  }

  async #cpuMicros(side: Side): Promise<number> {
    const server = this.#servers[side];
    const answer = server.next('usage');
    server.ask('usage');
    return (await answer).cpuMicros;
  }
}
