import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { NOT_BOOTED, SCRIPTS } from '../../../src/cluster/engines/redis/scripts.ts';
import { readEnvelope } from '../../../src/cluster/envelope.ts';
import { Commands, ioredis } from './clients.ts';
import { redis, until } from './live.ts';
import { noRedis } from './server.ts';

/** What the keys of one topic hold, as plain values. */
class Model {
  run: string | undefined = 'run1';
  history: { epoch: string; run: string; top: number; list: string[] } | undefined;
  readonly last = new Map<string, { epoch: string; seq: number; first: number }>();
  readonly published: { epoch: string; first: number; node: string; seq: number; entries: string[] }[] = [];

  open(candidate: string): { epoch: string; run: string; top: number; list: string[] } {
    if (this.history?.run !== this.run) this.history = { epoch: candidate, run: this.run!, top: 0, list: [] };
    return this.history!;
  }

  append(
    node: string,
    seq: number,
    entries: string[],
    candidate: string,
    max: number,
    maxBytes: number,
  ): unknown {
    if (this.run === undefined) return NOT_BOOTED;
    const history = this.open(candidate);
    const last = this.last.get(node);
    if (last?.epoch === history.epoch && last.seq >= seq) return [history.epoch, last.first, 1];
    const first = history.top + 1;
    history.top += entries.length;
    history.list.push(...entries);
    const bytes = (): number => history.list.reduce((sum, entry) => sum + Buffer.byteLength(entry), 0);
    while (history.list.length > max || bytes() > maxBytes) history.list.shift();
    this.last.set(node, { epoch: history.epoch, seq, first });
    this.published.push({ epoch: history.epoch, first, node, seq, entries });
    return [history.epoch, first, 0];
  }

  read(since: { epoch: string; offset: number }, candidate: string): unknown {
    if (this.run === undefined) return NOT_BOOTED;
    const { epoch, top, list } = this.open(candidate);
    const missed = since.epoch === epoch ? Math.max(0, top - since.offset) : list.length;
    return [epoch, top, missed === 0 ? [] : list.slice(-missed)];
  }
}

const NODE = fc.constantFrom('a', 'b');
const ENTRIES = fc.array(fc.string({ maxLength: 12, unit: 'grapheme' }), { minLength: 1, maxLength: 6 });
const OPERATION = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      node: NODE,
      again: fc.integer({ min: 0, max: 2 }),
      entries: ENTRIES,
      max: fc.integer({ min: 1, max: 8 }),
      maxBytes: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      isCurrent: fc.boolean(),
      back: fc.integer({ min: -2, max: 12 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'new run' as const,
        'no run' as const,
        'messages expire' as const,
        'position expires' as const,
      ),
    }),
  },
);

const text = (value: unknown): unknown =>
  Buffer.isBuffer(value) ? value.toString('utf8') : Array.isArray(value) ? value.map(text) : value;

async function answer(call: Promise<unknown>): Promise<unknown> {
  try {
    return text(await call);
  } catch (error) {
    return (error as Error).message.split(' ')[0];
  }
}

describe('scripts', { skip: noRedis || ioredis.skip }, () => {
  test('SC-11 append and read do what a plain list does, for random operations', async (t) => {
    const { server, commands } = await redis(t);
    const subscriber = new Commands(server.port);
    t.after(() => subscriber.close());
    const arrived: Buffer[] = [];
    await subscriber.listen('channel', (bytes) => arrived.push(bytes));
    const keys = ['meta', 'list', 'run', 'last'];
    const append = (
      node: string,
      seq: number,
      candidate: string,
      max: number,
      maxBytes: number,
      entries: string[],
    ): Promise<unknown> =>
      commands.callBuffer(
        'EVAL',
        SCRIPTS.append,
        '4',
        ...keys.slice(0, 3),
        `last ${node}`,
        candidate,
        `${max}`,
        `${maxBytes}`,
        '60000',
        '60000',
        'channel',
        node,
        `${seq}`,
        '60000',
        ...entries,
      );
    await fc.assert(
      fc.asyncProperty(fc.array(OPERATION, { minLength: 1, maxLength: 40 }), async (operations) => {
        await commands.call('FLUSHALL');
        await commands.call('SET', 'run', 'run1');
        const model = new Model();
        let candidates = 0;
        let seq = 0;
        arrived.length = 0;
        for (const operation of operations) {
          const candidate = `epoch${++candidates}`;
          if (operation.do === 'append') {
            // Up to two numbers back: a batch that was sent again, or that was overtaken.
            seq += operation.again === 0 ? 1 : 0;
            const number = Math.max(1, seq - Math.max(0, operation.again - 1));
            const { node, entries, max, maxBytes } = operation;
            assert.deepEqual(
              await answer(append(node, number, candidate, max, maxBytes, entries)),
              model.append(node, number, entries, candidate, max, maxBytes),
            );
          } else if (operation.do === 'read') {
            const { epoch = 'none', top = 0 } = model.history ?? {};
            const since = {
              epoch: operation.isCurrent ? epoch : 'other',
              offset: Math.max(0, top - operation.back),
            };
            const args = [candidate, '60000', since.epoch, `${since.offset}`];
            assert.deepEqual(
              await answer(commands.callBuffer('EVAL', SCRIPTS.read, '3', ...keys.slice(0, 3), ...args)),
              model.read(since, candidate),
            );
          } else if (operation.do === 'new run') {
            model.run = `run${candidates}`;
            await commands.call('SET', 'run', model.run);
          } else if (operation.do === 'no run') {
            model.run = undefined;
            await commands.call('DEL', 'run');
          } else if (operation.do === 'messages expire') {
            if (model.history !== undefined) model.history.list = [];
            await commands.call('DEL', 'list');
          } else {
            model.history = undefined;
            await commands.call('DEL', 'meta');
          }
        }
        await until('the arrivals', () => arrived.length >= model.published.length);
        assert.deepEqual(
          arrived.map((bytes) => {
            const { kind, header, entries } = readEnvelope(bytes, 1_000);
            assert.equal(kind, 'm');
            return { ...header, entries: entries.map(text) };
          }),
          model.published,
        );
      }),
      { numRuns: 150 },
    );
  });

  test('SC-11 boot sets every run that differs, and keeps the settings of the first node', async (t) => {
    const { commands } = await redis(t);
    const boot = (run: string, config: string): Promise<unknown> =>
      commands.call('EVAL', SCRIPTS.boot, '3', 'config', 'run0', 'run1', run, config);
    assert.equal(await boot('a', 'x'), 'x');
    assert.deepEqual(await commands.call('MGET', 'run0', 'run1', 'config'), ['a', 'a', 'x']);
    assert.equal(await boot('b', 'y'), 'x', 'a node with other settings changes nothing');
    assert.deepEqual(await commands.call('MGET', 'run0', 'run1'), ['a', 'a']);
    await commands.call('DEL', 'run1');
    assert.equal(await boot('b', 'x'), 'x');
    assert.deepEqual(await commands.call('MGET', 'run0', 'run1'), ['b', 'b']);
  });

  test('SC-11 beat, enter, leave and members do what maps do, for random operations', async (t) => {
    const { commands } = await redis(t);
    const run = (script: string, keys: string[], ...args: string[]): Promise<unknown> =>
      answer(commands.callBuffer('EVAL', script, `${keys.length}`, ...keys, ...args));
    const entriesOf = (list: unknown): Map<string, string> => {
      const flat = list as string[];
      return new Map(Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at]!, flat[2 * at + 1]!]));
    };
    const field = fc.constantFrom('a 1', 'a 2', 'b ü');
    const operation = fc.oneof(
      fc.record({ do: fc.constant('enter' as const), field, value: fc.string({ maxLength: 5 }) }),
      fc.record({ do: fc.constant('leave' as const), field }),
      fc.record({ do: fc.constant('members' as const), max: fc.integer({ min: 0, max: 3 }) }),
      fc.record({
        do: fc.constantFrom('beat' as const, 'end' as const),
        node: NODE,
        claim: fc.constantFrom('x', 'y'),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 30 }), async (operations) => {
        await commands.call('FLUSHALL');
        const members = new Map<string, string>();
        const nodes = new Map<string, string>();
        for (const step of operations) {
          if (step.do === 'enter') {
            members.set(step.field, step.value);
            assert.equal(await run(SCRIPTS.enter, ['m'], 'c', 'h', '60000', step.field, step.value), 1);
          } else if (step.do === 'leave') {
            assert.equal(
              await run(SCRIPTS.leave, ['m'], 'c', 'h', step.field),
              Number(members.delete(step.field)),
            );
          } else if (step.do === 'members') {
            const [count, all] = (await run(SCRIPTS.members, ['m'], `${step.max}`)) as [number, unknown];
            assert.equal(count, members.size);
            if (count > step.max) assert.equal(all, undefined);
            else assert.deepEqual(entriesOf(all), members);
          } else {
            const ttl = step.do === 'beat' ? '60000' : '0';
            const all = entriesOf(await run(SCRIPTS.beat, ['n', 'i'], step.node, step.claim, ttl, 'info'));
            const held = nodes.get(step.node);
            if (held !== undefined && held !== `${step.claim} info`) assert.equal(all.size, 0);
            else {
              if (step.do === 'beat') nodes.set(step.node, `${step.claim} info`);
              else nodes.delete(step.node);
              assert.deepEqual(all, nodes);
            }
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
