import { AssertionError } from 'node:assert';
import { Buffer } from 'node:buffer';
import type {
  ArrivalHeader,
  Channel,
  Engine,
  EngineHost,
  HistoryLimits,
  Published,
} from '../cluster/engine.ts';
import { type Clock, setKeepingTimer, systemClock } from '../engine/clock.ts';
import { systemRandom } from '../engine/random.ts';
import type { VirtualClock } from './virtual-clock.ts';
import { WaitError } from './wait-for.ts';

/** What an engine under test can do, and how the test makes time pass. */
export interface EngineContractOptions {
  /** Whether two engines of one scope join each other. Default true; false leaves out the cases with two nodes. */
  readonly joins?: boolean;
  /** A clock that the cases advance. Default: the platform's, and real waits. */
  readonly clock?: VirtualClock;
  /** Breaks the connection of an engine to its broker. The engine connects again by itself. Default: cases with it are left out. */
  readonly disconnect?: (engine: Engine) => unknown;
  /** Longest time to wait for an effect, in ms of the clock. Default 5,000. */
  readonly deadlineMs?: number;
}

/** An arrival, as a case compares it. */
export interface Arrived {
  readonly channel: Channel;
  readonly header: ArrivalHeader;
  readonly texts: readonly string[];
  readonly entries: readonly Uint8Array[];
}

/** Bytes of a text, in memory of their own. */
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'utf8'));
const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
export const textsOf = (entries: readonly Uint8Array[]): string[] => entries.map((entry) => textOf(entry));

/** A node that writes down what its engine calls. */
export class ContractNode implements EngineHost {
  readonly nodeId = systemRandom.bytes(12).toString('base64url');
  readonly clock: Clock;
  readonly random = systemRandom;
  readonly limits: EngineHost['limits'];
  readonly engine: Engine;
  readonly arrivals: Arrived[] = [];
  readonly controls: string[] = [];
  readonly faults: Error[] = [];
  connections = 0;
  disconnections = 0;
  #seq = 0;
  #epochs = 0;

  constructor(engine: Engine, clock: Clock, limits: Partial<EngineHost['limits']>) {
    this.engine = engine;
    this.clock = clock;
    this.limits = { deadlineMs: 5_000, maxEntryBytes: 1_048_576, maxHistoryBytes: 67_108_864, ...limits };
  }

  connected(): void {
    this.connections++;
  }

  disconnected(): void {
    this.disconnections++;
  }

  deliver(channel: Channel, header: ArrivalHeader, entries: readonly Uint8Array[]): void {
    this.arrivals.push({
      channel: { kind: channel.kind, topic: channel.topic },
      header: { ...header },
      texts: textsOf(entries),
      entries: [...entries],
    });
  }

  control(bytes: Uint8Array): void {
    this.controls.push(textOf(bytes));
  }

  fault(error: Error): void {
    this.faults.push(error);
  }

  /** Limits with a candidate epoch of their own, as every call of a node has. */
  history(limits: Partial<HistoryLimits> = {}): HistoryLimits {
    const candidateEpoch = `${this.nodeId}${(++this.#epochs).toString(36)}`;
    const defaults = { maxMessages: 100, maxBytes: 1_048_576, ttlMs: 300_000, positionTtlMs: 86_400_000 };
    return { ...defaults, candidateEpoch, ...limits };
  }

  /** Publishes one batch with history. */
  async store(topic: string, texts: readonly string[], limits?: Partial<HistoryLimits>): Promise<Published> {
    const published = await this.batch(topic, texts, this.history(limits));
    if (published === undefined)
      throw new AssertionError({ message: 'a publish with history has no position' });
    return published;
  }

  batch(
    topic: string,
    texts: readonly string[],
    history?: HistoryLimits,
    seq = ++this.#seq,
    again = false,
  ): Promise<Published | undefined> {
    this.#seq = Math.max(this.#seq, seq);
    const entries = texts.map((text) => bytesOf(text));
    return this.engine.publish({ topic, node: this.nodeId, seq, again, entries, history });
  }

  async read(
    topic: string,
    since?: { epoch: string; offset: number },
  ): Promise<[string, number, number, string[]]> {
    const { epoch, top, first, entries } = await this.engine.read(topic, since, this.history());
    return [epoch, top, first, textsOf(entries)];
  }

  interest(topic: string, kind: Channel['kind'] = 'messages'): Promise<void> {
    return this.engine.interest([{ kind, topic }], []);
  }

  get texts(): string[] {
    return this.arrivals.flatMap(({ texts }) => texts);
  }
}

/** What a case gets. */
export class ContractContext {
  readonly #makeEngine: (scope: string) => Engine;
  readonly #options: EngineContractOptions;
  readonly #scope = `contract-${systemRandom.uuid()}`;
  readonly #nodes: ContractNode[] = [];

  constructor(makeEngine: (scope: string) => Engine, options: EngineContractOptions) {
    this.#makeEngine = makeEngine;
    this.#options = options;
  }

  /** A started node whose engine can be used. */
  async node(limits: Partial<EngineHost['limits']> = {}): Promise<ContractNode> {
    const node = new ContractNode(this.#makeEngine(this.#scope), this.#options.clock ?? systemClock, limits);
    this.#nodes.push(node);
    await this.settle(node.engine.start(node));
    await this.until('connected() after start()', () => node.connections > 0);
    return node;
  }

  disconnect(node: ContractNode): unknown {
    return this.#options.disconnect!(node.engine);
  }

  async pass(ms: number): Promise<void> {
    const { clock } = this.#options;
    if (clock === undefined) {
      await new Promise<void>((resolve) => {
        setKeepingTimer(systemClock, resolve, ms);
      });
      return;
    }
    for (let i = 0; i < 20; i++) await Promise.resolve();
    clock.advance(ms);
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  /** Waits for an effect. @throws WaitError if it does not come in time. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const { deadlineMs = 5_000 } = this.#options;
    for (let passedMs = 0; !holds(); passedMs += 10) {
      if (passedMs > deadlineMs) throw new WaitError(`waited ${deadlineMs} ms for ${what}`);
      await this.pass(10);
    }
  }

  /** Awaits a call while time passes. */
  async settle<Result>(call: Promise<Result>): Promise<Result> {
    let settled = false;
    const end = (): void => {
      settled = true;
    };
    call.then(end, end);
    await this.until('the answer of a call', () => settled);
    return call;
  }

  /** Lets what is on its way arrive. */
  async arrive(): Promise<void> {
    await this.pass(100);
  }

  async stop(): Promise<void> {
    for (const { engine } of this.#nodes) await this.settle(engine.stop(1_000));
  }
}

/** What a case needs of the engine and the options. */
export type Need = 'history' | 'presence' | 'joins' | 'disconnect';

export interface ContractCase {
  readonly title: string;
  readonly needs: readonly Need[];
  readonly check: (context: ContractContext) => Promise<void>;
}
