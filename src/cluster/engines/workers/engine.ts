import { Buffer } from 'node:buffer';
import { Warnings } from '../../../connection/warnings.ts';
import { EngineError, MisuseError } from '../../../protocol/errors.ts';
import type { Position } from '../../../server/groups/topic.ts';
import type {
  Batch,
  Channel,
  Engine,
  EngineHost,
  HistoryLimits,
  HistoryRead,
  MembersRead,
  NodeEntry,
  Published,
} from '../../engine.ts';
import { envelopeHeader, readBody, readEnvelope } from '../../envelope.ts';
import { OpenCalls } from '../open-calls.ts';
import { changesOf, messagesOf } from './hub-topics.ts';
import { entryParts, type WorkerRecord } from './records.ts';
import type { LinkUser, WorkerLink, WorkerPort } from './worker-link.ts';

/** What settles a call, by the number of the call. */
interface Call {
  readonly resolve: (record: WorkerRecord) => void;
  readonly reject: (error: EngineError) => void;
}

/** The engine of one server in a worker. */
export class EngineInWorker implements Engine, LinkUser {
  readonly name = 'workers';
  readonly capabilities = Object.freeze({ history: true, presence: true });
  readonly #link: WorkerLink;
  readonly #port: WorkerPort;
  readonly #prefix: string;
  /** Channels that arrive, by their name at the hub. */
  readonly #channels = new Map<string, Channel>();
  readonly #calls = new Map<number, Call>();
  #open: OpenCalls | undefined;
  #host: EngineHost | undefined;
  #number = 0;
  #ids = 0;
  #helloId = 0;
  #isUp = false;
  #isStopped = false;
  /** Whether the host knows that the hub cannot be asked. */
  #isDownTold = false;
  #greetingTimer: unknown;
  #started: (() => void) | undefined;

  constructor(link: WorkerLink, port: WorkerPort, prefix: string) {
    this.#link = link;
    this.#port = port;
    this.#prefix = prefix;
  }

  start(host: EngineHost): Promise<void> {
    if (this.#host !== undefined)
      throw new MisuseError('ERR_STATE', 'an engine serves one server; call workerEngine for each');
    this.#host = host;
    const { deadlineMs } = host.limits;
    this.#open = new OpenCalls(host.clock, deadlineMs, () =>
      this.reconnect(new EngineError('ERR_ENGINE_DOWN', `the hub did not answer within ${deadlineMs} ms`)),
    );
    if (host.server !== undefined) this.#link.serve(host.server);
    this.#greetingTimer = host.clock.setTimer(() => this.#noHub(host), deadlineMs);
    return new Promise((resolve) => {
      this.#started = resolve;
      this.#link.open(this.#port);
      this.#number = this.#link.attach(this);
      if (this.#link.isOpen) this.opened();
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    const host = this.#host;
    if (host === undefined || this.#isStopped) return;
    this.#isStopped = true;
    host.clock.clearTimer(this.#greetingTimer);
    if (this.#isUp) await this.#leave(host, deadlineMs);
    this.#isUp = false;
    this.#channels.clear();
    this.#rejectAll(stopped());
    this.#link.detach(this.#number);
    if (host.server !== undefined) this.#link.forget(host.server);
    this.#started?.();
  }

  async publish({ topic, node, seq, again, entries, history }: Batch): Promise<Published | undefined> {
    const header = Buffer.from(envelopeHeader('m', { node, seq, epoch: undefined, first: 0 }), 'latin1');
    const body = [header, ...entryParts(entries)];
    const { head } = await this.#ask('publish', [this.#topic(topic), again, history ?? null], body);
    if (head.length === 3) return undefined;
    return { epoch: head[3] as string, first: head[4] as number, again: head[5] as boolean };
  }

  async interest(add: readonly Channel[], remove: readonly Channel[]): Promise<void> {
    const gone = remove.map((channel) => this.#nameOf(channel));
    for (const name of gone) this.#channels.delete(name);
    const wanted = add.map((channel) => this.#nameOf(channel));
    const call = this.#ask('interest', [wanted, gone]);
    if (this.#isUp) add.forEach((channel, at) => this.#channels.set(wanted[at]!, channel));
    await call;
  }

  async read(topic: string, since: Position | undefined, history: HistoryLimits): Promise<HistoryRead> {
    const { head, body } = await this.#ask('read', [this.#topic(topic), since ?? null, history]);
    return {
      epoch: head[3] as string,
      top: head[4] as number,
      first: head[5] as number,
      entries: entriesOf(body),
    };
  }

  async positions(topics: readonly string[]): Promise<readonly (Position | undefined)[]> {
    const { head } = await this.#ask('positions', [topics.map((topic) => this.#topic(topic))]);
    return (head[3] as (Position | null)[]).map((position) => position ?? undefined);
  }

  async enter(topic: string, members: ReadonlyMap<string, Uint8Array>): Promise<void> {
    if (members.size === 0) return;
    await this.#ask('enter', [this.#topic(topic), [...members.keys()]], entryParts(members.values()));
  }

  async leave(topic: string, fields: readonly string[]): Promise<void> {
    await this.#ask('leave', [this.#topic(topic), fields]);
  }

  async members(topic: string, max: number): Promise<MembersRead> {
    const { head, body } = await this.#ask('members', [this.#topic(topic), max]);
    const [count, fields] = head.slice(3) as [number, string[] | null];
    if (fields === null) return { count };
    const values = entriesOf(body);
    return { count, entries: new Map(fields.map((field, at) => [field, values[at]!])) };
  }

  async beat(info: Uint8Array, ttlMs: number): Promise<readonly NodeEntry[]> {
    const { head, body } = await this.#ask('beat', [ttlMs], [info]);
    const infos = entriesOf(body);
    return (head[3] as string[]).map((node, at) => ({ node, info: infos[at]! }));
  }

  async tell(to: { readonly node: string } | 'all', bytes: Uint8Array): Promise<void> {
    await this.#ask('tell', [to === 'all' ? null : to.node], [bytes]);
  }

  reconnect(reason: Error): void {
    if (this.#isStopped || !this.#isUp) return;
    this.#down(reason);
    this.#hello();
  }

  // `LinkUser`.

  opened(): void {
    if (!this.#isStopped) this.#hello();
  }

  reset(error: EngineError): void {
    if (!this.#isStopped) this.#down(error);
  }

  received({ head, body }: WorkerRecord): void {
    const host = this.#host!;
    const [kind, , id] = head as [string, number, number];
    try {
      if (kind === 'deliver') this.#deliver(host, head[2] as string, body);
      else if (kind === 'control') {
        if (this.#isUp) host.control(body);
      } else if (id === this.#helloId) this.#up(host);
      else {
        const call = this.#calls.get(id);
        this.#calls.delete(id);
        if (kind === 'ok') call?.resolve({ head, body });
        else call?.reject(new EngineError('ERR_ENGINE_REFUSED', head[3] as string));
      }
    } catch (error) {
      host.fault(error as Error);
    }
  }

  #deliver(host: EngineHost, name: string, body: Buffer): void {
    const channel = this.#isUp ? this.#channels.get(name) : undefined;
    if (channel === undefined) return;
    const { header, entries } = readEnvelope(body, host.limits.maxEntryBytes);
    host.deliver(channel, header, entries);
  }

  /** Every topic of the hub begins with the prefix. */
  #topic(topic: string): string {
    return `${this.#prefix} ${topic}`;
  }

  #nameOf({ kind, topic }: Channel): string {
    return kind === 'messages' ? messagesOf(this.#topic(topic)) : changesOf(this.#topic(topic));
  }

  #hello(): void {
    this.#helloId = ++this.#ids;
    this.#link.push(JSON.stringify(['hello', this.#number, this.#helloId, this.#prefix, this.#host!.nodeId]));
  }

  #up(host: EngineHost): void {
    if (this.#isStopped || this.#isUp) return;
    host.clock.clearTimer(this.#greetingTimer);
    this.#isUp = true;
    this.#isDownTold = false;
    host.connected();
    this.#started?.();
    this.#started = undefined;
  }

  #down(error: Error): void {
    this.#isUp = false;
    this.#channels.clear();
    this.#rejectAll(error instanceof EngineError ? error : new EngineError('ERR_ENGINE_DOWN', error.message));
    if (this.#isDownTold) return;
    this.#isDownTold = true;
    this.#host!.disconnected(error);
  }

  #noHub(host: EngineHost): void {
    const { deadlineMs } = host.limits;
    const text = `no hub has answered this worker for ${deadlineMs} ms: start it with startWorkers({ script }) of hawser/cluster, or call joinWorkers(worker) in the primary right after the fork`;
    new Warnings(undefined).mistake('HAWSER_ENGINE', 'hub', text);
    this.#down(new EngineError('ERR_ENGINE_REFUSED', text));
  }

  #rejectAll(error: EngineError): void {
    this.#open!.rejectAll(error);
    this.#calls.clear();
  }

  #ask(kind: string, values: readonly unknown[], body?: readonly Uint8Array[]): Promise<WorkerRecord> {
    if (!this.#isUp) return Promise.reject(this.#isStopped ? stopped() : new EngineError('ERR_ENGINE_DOWN'));
    const id = ++this.#ids;
    this.#link.push(JSON.stringify([kind, this.#number, id, ...values]), body);
    return this.#open!.run(
      () => new Promise((resolve, reject) => void this.#calls.set(id, { resolve, reject })),
    );
  }

  /** Other nodes see at once that this one is gone. */
  async #leave(host: EngineHost, deadlineMs: number): Promise<void> {
    const timer = host.clock.setTimer(() => this.#rejectAll(stopped()), deadlineMs);
    try {
      await this.#ask('bye', []);
    } catch {
      // The hub removes it with the worker.
    }
    host.clock.clearTimer(timer);
  }
}

const entriesOf = (body: Buffer): readonly Uint8Array[] =>
  body.length === 0 ? [] : readBody(body, 0, Number.MAX_SAFE_INTEGER);

const stopped = (): EngineError => new EngineError('ERR_ENGINE_DOWN', 'the engine has stopped');
