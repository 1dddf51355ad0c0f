import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Channel, Engine, EngineHost, HistoryLimits } from '../../../src/cluster/index.ts';
import { systemRandom } from '../../../src/engine/random.ts';
import { jobs } from '../recorded.ts';
import { MemoryMachine, type MemoryWorker } from './memory.ts';

const TOPICS = ['a', 'b ü'];
const LIMITS = { maxMessages: 4, maxBytes: 1_000, ttlMs: 60_000, positionTtlMs: 600_000 };

/** What a node was delivered: `topic epoch first texts`. */
class Host implements EngineHost {
  readonly nodeId: string;
  readonly clock;
  readonly random = systemRandom;
  readonly limits = { deadlineMs: 5_000, maxEntryBytes: 10_000, maxHistoryBytes: 1_000_000 };
  readonly got: string[] = [];
  isUp = false;

  constructor(machine: MemoryMachine, nodeId: string) {
    this.clock = machine.clock;
    this.nodeId = nodeId;
  }

  connected(): void {
    this.isUp = true;
  }

  disconnected(): void {
    this.isUp = false;
  }

  deliver(
    { kind, topic }: Channel,
    { first }: { readonly first: number },
    entries: readonly Uint8Array[],
  ): void {
    this.got.push(
      `${kind} ${topic} ${first} ${entries.map((entry) => Buffer.from(entry).toString()).join()}`,
    );
  }

  control(bytes: Uint8Array): void {
    this.got.push(`control ${Buffer.from(bytes).toString()}`);
  }

  fault(error: Error): void {
    throw error;
  }
}

interface Node {
  readonly id: string;
  readonly host: Host;
  readonly engine: Engine;
  readonly worker: MemoryWorker;
  /** The model: interest, members and what must have been delivered. */
  readonly interest: Set<string>;
  readonly members: Map<string, Set<string>>;
  readonly expected: string[];
  seq: number;
}

/** Histories of the model. */
interface History {
  readonly epoch: string;
  top: number;
  entries: string[];
  readonly last: Map<string, { seq: number; first: number }>;
}

const OPERATION = fc.record({
  node: fc.nat({ max: 2 }),
  topic: fc.constantFrom(...TOPICS),
  texts: fc.array(fc.string({ maxLength: 8 }), { minLength: 1, maxLength: 6 }),
  offset: fc.nat({ max: 12 }),
  do: fc.constantFrom(
    'store',
    'store',
    'again',
    'relay',
    'want',
    'unwant',
    'read',
    'positions',
    'enter',
    'leave',
    'members',
    'tell',
    'reconnect',
    'kill',
  ),
});
type Operation = typeof OPERATION extends fc.Arbitrary<infer Value> ? Value : never;

class Run {
  readonly machine = new MemoryMachine();
  readonly nodes: (Node | undefined)[] = [];
  readonly histories = new Map<string, History>();
  #ids = 0;
  #epochs = 0;

  async node(at: number): Promise<Node> {
    let node = this.nodes[at];
    if (node === undefined) {
      const id = `n${++this.#ids}`;
      const worker = this.machine.worker();
      const host = new Host(this.machine, id);
      node = {
        id,
        host,
        engine: worker.engine(),
        worker,
        interest: new Set(),
        members: new Map(),
        expected: [],
        seq: 0,
      };
      this.nodes[at] = node;
      await node.engine.start(host);
    }
    return node;
  }

  limits(): HistoryLimits {
    return { ...LIMITS, candidateEpoch: `e${++this.#epochs}` };
  }

  history(topic: string, candidate: string): History {
    const history = this.histories.get(topic) ?? { epoch: candidate, top: 0, entries: [], last: new Map() };
    this.histories.set(topic, history);
    return history;
  }

  tell(channel: string, text: string, except?: Node): void {
    for (const node of this.nodes)
      if (node?.interest.has(channel) && node !== except) node.expected.push(text);
  }

  async step({ node: at, topic, texts, offset, do: what }: Operation): Promise<void> {
    for (let i = 0; i < 3; i++) await this.node(i);
    const node = await this.node(at);
    const { engine, id } = node;
    const entries = texts.map((text) => Uint8Array.from(Buffer.from(text)));
    if (what === 'store' || what === 'again') {
      if (what === 'store') node.seq++;
      const limits = this.limits();
      const history = this.history(topic, limits.candidateEpoch);
      const last = history.last.get(id);
      const isKnown = last !== undefined && last.seq >= node.seq;
      const first = isKnown ? last.first : history.top + 1;
      if (!isKnown) {
        history.top += texts.length;
        history.entries = [...history.entries, ...texts].slice(-LIMITS.maxMessages);
        history.last.set(id, { seq: node.seq, first });
        this.tell(`messages ${topic}`, `messages ${topic} ${first} ${texts.join()}`);
      }
      const batch = { topic, node: id, seq: node.seq, again: what === 'again', entries, history: limits };
      assert.deepEqual(await engine.publish(batch), { epoch: history.epoch, first, again: isKnown });
    } else if (what === 'relay') {
      this.tell(`messages ${topic}`, `messages ${topic} 0 ${texts.join()}`, node);
      assert.equal(
        await engine.publish({ topic, node: id, seq: ++node.seq, again: false, entries }),
        undefined,
      );
    } else if (what === 'want' || what === 'unwant') {
      const channels: Channel[] = [{ kind: offset % 2 === 0 ? 'messages' : 'members', topic }];
      const [{ kind }] = channels as [Channel];
      if (what === 'want') node.interest.add(`${kind} ${topic}`);
      else node.interest.delete(`${kind} ${topic}`);
      await engine.interest(what === 'want' ? channels : [], what === 'want' ? [] : channels);
    } else if (what === 'read') {
      const limits = this.limits();
      const { epoch, top, entries: stored } = this.history(topic, limits.candidateEpoch);
      const read = await engine.read(topic, { epoch, offset }, limits);
      const missed = stored.slice(Math.max(0, stored.length - Math.max(0, top - offset)));
      assert.deepEqual(
        [read.epoch, read.top, read.first, read.entries.map((entry) => Buffer.from(entry).toString())],
        [epoch, top, top - missed.length + 1, missed],
      );
    } else if (what === 'positions') {
      const model = TOPICS.map((name) => this.histories.get(name));
      assert.deepEqual(
        await engine.positions(TOPICS),
        model.map((history) => history && { epoch: history.epoch, offset: history.top }),
      );
    } else if (what === 'enter' || what === 'leave') {
      const field = `${id} ${offset % 3}`;
      const own = node.members.get(topic) ?? new Set();
      node.members.set(topic, own);
      const changes = what === 'enter' || own.has(field);
      if (what === 'enter') own.add(field);
      else own.delete(field);
      if (changes)
        this.tell(
          `members ${topic}`,
          `members ${topic} 0 \0${String.fromCharCode(field.length)}${field}${what === 'enter' ? 'v' : ''}`,
        );
      if (what === 'enter') await engine.enter(topic, new Map([[field, Uint8Array.of(0x76)]]));
      else await engine.leave(topic, [field]);
    } else if (what === 'members') {
      const all = this.nodes.flatMap((other) => [...(other?.members.get(topic) ?? [])]);
      const read = await engine.members(topic, 100);
      assert.deepEqual([...(read.entries ?? [])].map(([field]) => field).sort(), all.sort());
    } else if (what === 'tell') {
      for (const other of this.nodes) other?.expected.push(`control ${texts.join()}`);
      await engine.tell('all', Uint8Array.from(Buffer.from(texts.join())));
    } else if (what === 'reconnect') {
      node.interest.clear();
      engine.reconnect(new Error('the test says so'));
      await jobs();
      assert.equal(node.host.isUp, true);
    } else {
      this.check();
      this.nodes[at] = undefined;
      for (const [name, fields] of node.members)
        if (fields.size > 0) this.tell(`members ${name}`, `left ${name}`);
      node.worker.kill();
      await jobs();
      // The order of topics that a dead worker leaves is not told: only that each of its members did.
      for (const other of this.nodes) {
        if (other === undefined) continue;
        const left = other.expected.filter((text) => text.startsWith('left ')).length;
        assert.equal(other.host.got.length, other.expected.length, `${left} topics`);
        other.expected.splice(0, Infinity, ...other.host.got);
      }
    }
    await jobs();
    this.check();
  }

  check(): void {
    for (const node of this.nodes)
      if (node !== undefined) assert.deepEqual(node.host.got, node.expected, node.id);
  }
}

test('SC-02 SC-11 the hub does what a plain model does, for random operations of three workers that come and go', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(OPERATION, { minLength: 1, maxLength: 80, size: 'max' }),
      async (operations) => {
        const run = new Run();
        for (const operation of operations) await run.step(operation);
      },
    ),
    { numRuns: 50 },
  );
});
