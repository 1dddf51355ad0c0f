import type { Buffer } from 'node:buffer';
import type { Clock } from '../../../engine/clock.ts';
import { EngineError } from '../../../protocol/errors.ts';
import type { Position } from '../../../server/groups/topic.ts';
import type { HistoryLimits } from '../../engine.ts';
import { readBody, readEnvelope } from '../../envelope.ts';
import type { HubSession, HubTopics } from './hub-topics.ts';
import { Lane } from './lane.ts';
import { entryParts, WORKER, type WorkerRecord } from './records.ts';
import { toWire, VERSION, type Wire, type WorkerMessage } from './worker-message.ts';

/** Entries are compared with limits by the nodes. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** The worker of a {@link HubMember}. */
export interface HubPort {
  readonly kind: 'process' | 'thread';
  /** A process id, or the id of a thread. */
  readonly id: number;
  send(message: Wire): void;
  /** Ends the worker at once. */
  kill(): void;
}

export interface HubMemberSettings {
  readonly port: HubPort;
  readonly topics: HubTopics;
  readonly clock: Clock;
  readonly soon: (callback: () => void) => void;
  readonly deadMs: number;
  /** The member was killed: it acknowledged nothing, or sent what no worker sends. */
  readonly killed: (error: Error) => void;
  /** The channel to this worker has no advanced serialization. */
  readonly slow: () => void;
}

class Session implements HubSession {
  readonly prefix: string;
  readonly nodeId: string;
  readonly channels = new Set<string>();
  readonly fields = new Map<string, Set<string>>();
  readonly #number: number;
  readonly #lane: Lane;

  constructor(lane: Lane, number: number, prefix: string, nodeId: string) {
    this.#lane = lane;
    this.#number = number;
    this.prefix = prefix;
    this.nodeId = nodeId;
  }

  deliver(channel: string, envelope: readonly Uint8Array[]): void {
    this.#lane.push(JSON.stringify(['deliver', this.#number, channel]), envelope);
  }

  control(bytes: Uint8Array): void {
    this.#lane.push(`["control",${this.#number}]`, [bytes]);
  }
}

/** What the hub answers, besides `['ok', engine, id]`. */
interface Answer {
  readonly values?: readonly unknown[];
  readonly body?: readonly Uint8Array[];
}

const NOTHING: Answer = Object.freeze({});

/** One worker at the hub. */
export class HubMember {
  readonly port: HubPort;
  readonly #settings: HubMemberSettings;
  readonly #sessions = new Map<number, Session>();
  /** Questions to the worker that are not answered. */
  readonly #asked = new Map<number, (answer: string | undefined) => void>();
  #lane: Lane | undefined;
  #questions = 0;
  #isOver = false;

  constructor(settings: HubMemberSettings) {
    this.port = settings.port;
    this.#settings = settings;
  }

  /** Whether the worker has an engine that talks to the hub. */
  get isOpen(): boolean {
    return this.#lane !== undefined;
  }

  /** A message of the worker, as its channel delivered it. Other values than {@link WorkerMessage} are the application's. */
  received(message: WorkerMessage): void {
    if (this.#isOver) return;
    try {
      if (message instanceof Uint8Array) this.#lane?.receive(message);
      else this.#welcome(message.version, message.isAdvanced);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** Asks the worker; `undefined` if it ends, or has no engine, before it answers. */
  ask(question: 'metrics' | 'snapshots' | 'stop', argument: unknown): Promise<string | undefined> {
    if (this.#lane === undefined || this.#isOver) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const id = ++this.#questions;
      this.#asked.set(id, resolve);
      this.#lane!.push(JSON.stringify([question, WORKER, id, argument]));
    });
  }

  /** The worker has gone: its interest and its members are removed. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#lane?.end();
    for (const session of this.#sessions.values()) this.#settings.topics.close(session);
    this.#sessions.clear();
    this.#answerNothing();
  }

  #answerNothing(): void {
    for (const resolve of this.#asked.values()) resolve(undefined);
    this.#asked.clear();
  }

  #welcome(version: number, isAdvanced: boolean): void {
    const { port, clock, soon, deadMs, slow } = this.#settings;
    if (version !== VERSION)
      throw new EngineError(
        'ERR_ENGINE_REFUSED',
        `a worker has another version of Hawser than the hub (${version}, not ${VERSION}): install one version`,
      );
    if (this.#lane !== undefined) return;
    if (!isAdvanced) slow();
    port.send(toWire({ version: VERSION, isAdvanced }, false));
    this.#lane = new Lane({
      clock,
      soon,
      send: (parcel) => port.send(toWire(parcel, !isAdvanced)),
      received: (record) => this.#record(record),
      overflowed: () => this.#overflowed(),
      dead: {
        deadMs,
        call: () =>
          this.#fail(new EngineError('ERR_ENGINE_DOWN', `a worker acknowledged nothing for ${deadMs} ms`)),
      },
    });
  }

  /** The worker reads what it missed. */
  #overflowed(): void {
    for (const session of this.#sessions.values()) this.#settings.topics.forgetInterest(session);
    this.#lane!.push(`["reset",${WORKER}]`);
    this.#answerNothing();
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.end();
    this.#settings.port.kill();
    this.#settings.killed(error);
  }

  #record({ head, body }: WorkerRecord): void {
    const [kind, number, id] = head as [string, number, number];
    if (number === WORKER) {
      this.#asked.get(id)?.(body.toString('utf8'));
      this.#asked.delete(id);
      return;
    }
    if (kind === 'hello') {
      this.#hello(number, head[3] as string, head[4] as string);
      this.#lane!.push(`["ok",${number},${id}]`);
      return;
    }
    const session = this.#sessions.get(number);
    if (session === undefined) return;
    const operation = Object.hasOwn(OPERATIONS, kind) ? OPERATIONS[kind] : undefined;
    if (operation === undefined) throw broken(`a worker asked for '${kind}', which the hub does not know`);
    try {
      const { values = [], body: parts = [] } = operation(
        this.#settings.topics,
        session,
        head.slice(3),
        body,
      );
      this.#lane!.push(JSON.stringify(['ok', number, id, ...values]), parts);
    } catch (error) {
      if (!(error instanceof EngineError)) throw broken(`a worker sent an invalid '${kind}'`, error);
      if (error.code !== 'ERR_ENGINE_REFUSED') throw error;
      this.#lane!.push(JSON.stringify(['no', number, id, error.message]));
    }
    if (kind === 'bye') this.#sessions.delete(number);
  }

  /** Also an engine that is there already: its interest begins anew, its members stay until it says otherwise. */
  #hello(number: number, prefix: string, nodeId: string): void {
    const known = this.#sessions.get(number);
    if (known !== undefined) return this.#settings.topics.forgetInterest(known);
    const session = new Session(this.#lane!, number, prefix, nodeId);
    this.#sessions.set(number, session);
    this.#settings.topics.open(session);
  }
}

type Operation = (topics: HubTopics, session: HubSession, args: readonly unknown[], body: Buffer) => Answer;

const broken = (what: string, cause?: unknown): EngineError =>
  new EngineError('ERR_ENGINE_MESSAGE', what, { cause });

/** What an engine can ask for. The hub kills a worker that asks for another kind, or with arguments that do not fit. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  publish(topics, session, [topic, again, history], body) {
    const { header, entries } = readEnvelope(body, NO_LIMIT);
    const batch = {
      topic: topic as string,
      node: header.node,
      seq: header.seq,
      again: again === true,
      entries,
    };
    const limits = (history as HistoryLimits | null) ?? undefined;
    const published = topics.publish(session, batch, limits, body.subarray(body.indexOf('\n') + 1));
    return published === undefined
      ? NOTHING
      : { values: [published.epoch, published.first, published.again] };
  },
  interest(topics, session, [add, remove]) {
    topics.interest(session, add as string[], remove as string[]);
    return NOTHING;
  },
  read(topics, _session, [topic, since, limits]) {
    const { epoch, top, first, entries } = topics.read(
      topic as string,
      (since as Position | null) ?? undefined,
      limits as HistoryLimits,
    );
    return { values: [epoch, top, first], body: entryParts(entries) };
  },
  positions: (topics, _session, [names]) => ({
    values: [topics.positions(names as string[]).map((position) => position ?? null)],
  }),
  enter(topics, session, [topic, fields], body) {
    topics.enter(session, topic as string, fields as string[], readBody(body, 0, NO_LIMIT));
    return NOTHING;
  },
  leave(topics, session, [topic, fields]) {
    topics.leave(topic as string, fields as string[], session);
    return NOTHING;
  },
  members(topics, _session, [topic, max]) {
    const { count, entries } = topics.members(topic as string, max as number);
    if (entries === undefined) return { values: [count, null] };
    return { values: [count, [...entries.keys()]], body: entryParts(entries.values()) };
  },
  beat(topics, session, [ttlMs], body) {
    const nodes = topics.beat(session, body, ttlMs as number);
    return { values: [nodes.map(({ node }) => node)], body: entryParts(nodes.map(({ info }) => info)) };
  },
  tell(topics, session, [node], body) {
    topics.tell(session, (node as string | null) ?? undefined, body);
    return NOTHING;
  },
  bye(topics, session) {
    topics.close(session);
    return NOTHING;
  },
};
