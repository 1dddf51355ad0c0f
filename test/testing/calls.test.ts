import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import * as kit from '../../src/testing/index.ts';
import { acceptedValues } from '../misuse.ts';

/** The functions of the test kit, with arguments of any type. */
const any = kit as unknown as Record<string, (...args: unknown[]) => unknown> & {
  RawClient: Record<'over' | 'connect', (...args: unknown[]) => unknown>;
  VirtualClock: new (options?: unknown) => Record<string, (...args: unknown[]) => unknown>;
};
const raw = kit.RawClient.over(new PassThrough()) as unknown as Record<
  string,
  (...args: unknown[]) => unknown
>;
const bytes = Buffer.alloc(3);
const TEXT = ["'x'", "''"];
const BOOLEAN = ['undefined', 'true', 'false'];
const OPTIONAL = ['undefined', '{}'];

const ROWS: readonly (readonly [
  label: string,
  call: (value: unknown) => unknown,
  valid: readonly string[],
])[] = [
  ['byteByByte(_)', (value) => any['byteByByte']!(value), []],
  ['everyCut(_)', (value) => [...(any['everyCut']!(value) as Iterable<unknown>)], []],
  ['randomCuts(_, 1, 1)', (value) => [...(any['randomCuts']!(value, 1, 1) as Iterable<unknown>)], []],
  [
    'randomCuts(bytes, _, 1)',
    (value) => [...(any['randomCuts']!(bytes, value, 1) as Iterable<unknown>)],
    ['0', '-1'],
  ],
  [
    'randomCuts(bytes, 1, _)',
    (value) => [...(any['randomCuts']!(bytes, 1, value) as Iterable<unknown>)],
    ['0'],
  ],
  ['hex(_)', (value) => any['hex']!(value), ["''"]],
  ['text(_)', (value) => any['text']!(value), ['undefined', ...TEXT]],
  ['text(payload, _)', (value) => any['text']!('x', value), OPTIONAL],
  ['frame(_)', (value) => any['frame']!(value), []],
  ['frame({ fin: _ })', (fin) => any['frame']!({ opcode: 1, fin }), BOOLEAN],
  ['frame({ opcode: _ })', (opcode) => any['frame']!({ opcode }), ['0']],
  ['frame({ mask: _ })', (mask) => any['frame']!({ opcode: 1, mask }), ['undefined', 'false']],
  ['frame({ payload: _ })', (payload) => any['frame']!({ opcode: 1, payload }), ['undefined', ...TEXT]],
  ['frame({ lengthForm: _ })', (lengthForm) => any['frame']!({ opcode: 1, lengthForm }), ['undefined']],
  [
    'frame({ announcedLength: _ })',
    (announcedLength) => any['frame']!({ opcode: 1, announcedLength }),
    ['undefined', '0', '1n'],
  ],
  ['close(_)', (value) => any['close']!(value), ['undefined', '0']],
  ['close(code, _)', (value) => any['close']!(1000, value), ['undefined', ...TEXT]],
  ['close(code, reason, _)', (value) => any['close']!(1000, '', value), OPTIONAL],
  ['leakCheck(_)', (value) => any['leakCheck']!(value), OPTIONAL],
  ['duplexPair(_)', (value) => any['duplexPair']!(value), OPTIONAL],
  ['RawClient.over(_)', (value) => any.RawClient.over(value), []],
  ['RawClient.connect(_)', (value) => any.RawClient.connect(value), []],
  ['rawClient.send(_)', (value) => raw['send']!(value), TEXT],
  [
    'rawClient.nextFrame(_)',
    (value) => value === undefined || isEmpty(value) || raw['nextFrame']!(value),
    OPTIONAL,
  ],
  ['rawClient.nextUntil(_)', (value) => raw['nextUntil']!(value, { deadlineMs: 0 }), TEXT],
  [
    'rawClient.upgrade(_)',
    (value) => value === undefined || isEmpty(value) || raw['upgrade']!(value),
    OPTIONAL,
  ],
  ['readFrame(_)', (value) => any['readFrame']!(value), []],
  ['readFrame(bytes, _)', (value) => any['readFrame']!(bytes, value), ['undefined', '0']],
  ['readFrames(_)', (value) => any['readFrames']!(value), []],
  ['readFrames(bytes, _)', (value) => any['readFrames']!(bytes, value), OPTIONAL],
  ['readResponseHead(_)', (value) => any['readResponseHead']!(value), []],
  ['selfSigned(_)', (value) => any['selfSigned']!(value), []],
  ['selfSigned([name], _)', (value) => any['selfSigned']!(['localhost'], value), ['undefined']],
  ['seededRandom(_)', (value) => any['seededRandom']!(value), ['0', '-1']],
  ['socketFaults(_)', (value) => any['socketFaults']!(value), []],
  ['new VirtualClock(_)', (value) => new any.VirtualClock(value), OPTIONAL],
  ['clock.setWall(_)', (value) => new any.VirtualClock()['setWall']!(value), ['0', '-1', '1.5']],
  ['clock.advance(_)', (value) => new any.VirtualClock()['advance']!(value), ['0', '1.5']],
  ['clock.stall(_)', (value) => new any.VirtualClock()['stall']!(value), ['0', '1.5']],
  ['eventLoopTurns(_)', (value) => any['eventLoopTurns']!(value), ['0']],
  ['waitForEvent(_)', (value) => any['waitForEvent']!(value, 'x', { deadlineMs: 0 }), []],
  [
    'waitForEvent(emitter, _)',
    (value) => happens(value) ?? any['waitForEvent']!(new EventEmitter(), value),
    [...TEXT, 'symbol'],
  ],
  [
    'waitForEvent(emitter, name, _)',
    (value) => isEmpty(value) || value === undefined || any['waitForEvent']!(new EventEmitter(), 'x', value),
    OPTIONAL,
  ],
  ['waitUntil(_)', (value) => typeof value === 'function' || any['waitUntil']!(value), ['function']],
  ['waitUntil(condition, _)', (value) => any['waitUntil']!(() => true, value), OPTIONAL],
  [
    'cutInto(_)',
    (value) =>
      (kit.duplexPair().toServer.cutInto as (value: unknown) => unknown).call(
        kit.duplexPair().toServer,
        value,
      ),
    ['1.5'],
  ],
];

for (const [label, call, valid] of ROWS) {
  test(`GN-05 the test kit refuses wrong arguments: ${label}`, async () => {
    assert.deepEqual(await acceptedValues(label, call), valid);
  });
}

test('GN-05 pair refuses unknown options', async () => {
  const join = kit.pair as unknown as (options: unknown) => Promise<AsyncDisposable>;
  const joined = async (options: unknown): Promise<void> => (await join(options))[Symbol.asyncDispose]();
  assert.deepEqual(await acceptedValues('pair(_)', joined), OPTIONAL);
  assert.deepEqual(await acceptedValues('pair({ server: _ })', (server) => joined({ server })), OPTIONAL);
  assert.deepEqual(await acceptedValues('pair({ client: _ })', (client) => joined({ client })), OPTIONAL);
  assert.deepEqual(await acceptedValues('pair({ protocols: _ })', (protocols) => joined({ protocols })), []);
});

function isEmpty(value: unknown): boolean {
  return value?.constructor === Object && Object.keys(value).length === 0;
}

/** Emits the awaited event, if its name is valid. */
function happens(name: unknown): Promise<unknown> | undefined {
  if (typeof name !== 'string' && typeof name !== 'symbol') return undefined;
  const emitter = new EventEmitter();
  const happened = kit.waitForEvent(emitter, name as string);
  emitter.emit(name);
  return happened;
}
