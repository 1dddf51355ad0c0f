import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FACT, type ProtocolConnection } from '../../src/protocol/connection.ts';
import type { Role } from '../../src/protocol/constants.ts';
import { ProtocolMemory } from '../../src/protocol/memory.ts';
import { frame } from '../../src/testing/frames.ts';
import { LIMITS } from '../vectors/row.ts';
import { coreWith } from './cores.ts';

const OTHER_LIMITS = { ...LIMITS, maxMessageBytes: 40, maxFragments: 2 };

/** Takes facts until there are none, or `most` of them. */
function take(core: ProtocolConnection, into: string[], most = Number.POSITIVE_INFINITY): void {
  for (let taken = 0; taken < most; taken++) {
    const fact = core.next();
    if (fact === FACT.NONE) break;
    if (fact === FACT.MESSAGE) {
      const textKind = core.isAscii ? 'ASCII' : 'text';
      const kind = core.isText ? textKind : 'binary';
      const bytes = core.takeBytes();
      into.push(
        bytes === undefined ? `not UTF-8, ${core.failure?.code}` : `${kind} ${bytes.toString('hex')}`,
      );
      if (bytes === undefined) break;
    } else if (fact === FACT.PART || fact === FACT.LAST_PART)
      into.push(`part ${fact} ${core.takePart().toString('hex')}`);
    else if (fact === FACT.FAILURE) into.push(`failed ${core.failure?.code}`);
    else if (fact === FACT.CLOSE) into.push(`closed ${core.peerClose?.code}`);
    else into.push(`control ${fact} ${core.payload.toString('hex')}`);
    if (core.phase !== 'open') break;
  }
  core.keepUnread();
}

test('FP-07 idle connections share one reader, and a connection with unread or unfinished input has its own', () => {
  const memory = new ProtocolMemory();
  const cores = Array.from({ length: 50 }, () => coreWith({ memory }));
  for (const [at, core] of cores.entries()) {
    const seen: string[] = [];
    core.receive(frame({ opcode: 2, payload: Buffer.of(at) }));
    take(core, seen);
    assert.deepEqual(seen, [`binary ${Buffer.of(at).toString('hex')}`]);
    assert.equal(memory.readers.count('server', LIMITS), 1);
    assert.deepEqual([core.countedBytes, core.unfinished, core.unreadBytes], [0, false, 0]);
    assert.deepEqual([core.bytes.length, core.start, core.end, core.payload.length], [0, 0, 0, 0]);
    assert.deepEqual([core.isText, core.isAscii], [false, false]);
  }
  const [cut, waiting, other] = cores as [ProtocolConnection, ProtocolConnection, ProtocolConnection];
  const whole = frame({ opcode: 2, payload: Buffer.alloc(200, 7) });
  cut.receive(Buffer.from(whole.subarray(0, 100)));
  take(cut, []);
  assert.equal(cut.unfinished, true);
  waiting.receive(Buffer.concat([frame({ opcode: 1, payload: 'a' }), frame({ opcode: 1, payload: 'b' })]));
  take(waiting, [], 1);
  assert.ok(waiting.unreadBytes > 0);
  assert.equal(memory.readers.count('server', LIMITS), 0);
  assert.ok(
    cut.countedBytes >= 336 && waiting.countedBytes >= 336,
    'a reader counts as memory of the connection',
  );
  other.receive(frame({ opcode: 1, payload: 'other' }));
  take(other, []);
  const seen: string[] = [];
  cut.receive(Buffer.from(whole.subarray(100)));
  take(cut, seen);
  take(waiting, seen);
  assert.deepEqual(seen, [`binary ${'07'.repeat(200)}`, 'ASCII 62']);
  assert.equal(memory.readers.count('server', LIMITS), 3);
  cut.transportEnded();
  assert.equal(cut.next(), FACT.NONE);
});

/** What the peer of one connection sends: patterns of its own, in all forms, and sometimes a fault. */
const peers = fc.record({
  role: fc.constantFrom<Role>('server', 'client'),
  isStrict: fc.boolean(),
  inParts: fc.boolean(),
  frames: fc.array(
    fc.record({
      kind: fc.constantFrom('text', 'binary', 'binary', 'fragments', 'ping', 'latin', 'fault', 'close'),
      bytes: fc.nat(150),
    }),
    { maxLength: 6 },
  ),
});

function wireOf(index: number, role: Role, frames: readonly { kind: string; bytes: number }[]): Buffer {
  const mask = role === 'server' ? Buffer.alloc(4, index + 1) : false;
  const part = (opcode: number, payload: Buffer, fin = true): Buffer => frame({ opcode, payload, fin, mask });
  return Buffer.concat(
    frames.flatMap(({ kind, bytes }, at) => {
      const payload = Buffer.alloc(bytes, `${index}.${at} `);
      if (kind === 'text') return [part(1, payload)];
      if (kind === 'latin') return [part(1, Buffer.alloc(bytes, 0xe9))];
      if (kind === 'binary') return [part(2, payload)];
      if (kind === 'fragments')
        return [
          part(2, payload, false),
          part(9, Buffer.from('between')),
          part(0, payload, false),
          part(0, payload),
        ];
      if (kind === 'ping') return [part(9, payload.subarray(0, 100))];
      if (kind === 'fault') return [part(3, payload)];
      return [part(8, Buffer.of(3, 232))];
    }),
  );
}

type Setting = { readonly role: Role; readonly isStrict: boolean; readonly inParts: boolean };

test('FP-07 property: connections that share readers see what each of them sees alone', () => {
  const step = fc.record({
    at: fc.nat(3),
    bytes: fc.integer({ min: 1, max: 200 }),
    facts: fc.integer({ min: 0, max: 4 }),
  });
  fc.assert(
    fc.property(
      fc.array(peers, { minLength: 2, maxLength: 4 }),
      fc.array(step, { maxLength: 60 }),
      (all, steps) => {
        const memory = new ProtocolMemory();
        const open = ({ role, isStrict, inParts }: Setting, shared: ProtocolMemory): ProtocolConnection => {
          const core = coreWith({ role, memory: shared, limits: isStrict ? OTHER_LIMITS : LIMITS });
          if (inParts) core.passParts();
          return core;
        };
        const pairs = all.map((peer, index) => ({
          wire: wireOf(index, peer.role, peer.frames),
          sent: 0,
          sharing: { core: open(peer, memory), seen: [] as string[] },
          alone: { core: open(peer, new ProtocolMemory()), seen: [] as string[] },
        }));
        const go = (pair: (typeof pairs)[number], bytes: number, facts?: number): void => {
          const chunk = pair.wire.subarray(pair.sent, pair.sent + bytes);
          pair.sent += chunk.length;
          for (const { core, seen } of [pair.sharing, pair.alone]) {
            if (chunk.length > 0) core.receive(Buffer.from(chunk));
            take(core, seen, facts);
          }
        };
        for (const { at, bytes, facts } of steps) go(pairs[at % pairs.length]!, bytes, facts);
        for (const pair of pairs) go(pair, pair.wire.length);
        for (const { sharing, alone } of pairs) {
          assert.deepEqual(sharing.seen, alone.seen);
          assert.deepEqual(sharing.core.inputPosition, alone.core.inputPosition);
          assert.equal(sharing.core.countedBytes, alone.core.countedBytes);
          for (const { core } of [sharing, alone]) core.transportEnded();
          assert.equal(sharing.core.countedBytes, 0);
        }
      },
    ),
    { numRuns: 300 },
  );
});
