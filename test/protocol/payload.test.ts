import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { OPCODE } from '../../src/protocol/constants.ts';
import { MisuseError } from '../../src/protocol/errors.ts';
import { buildFrame, writeFrame } from '../../src/protocol/outgoing/frame-builder.ts';
import { outgoing, ownView, type Payload, payloadBytes } from '../../src/protocol/payload.ts';
import { PreparedMessage } from '../../src/protocol/outgoing/prepared-message.ts';
import { ReusableBytes } from '../../src/protocol/reusable-bytes.ts';

/** Ten bytes, 0 to 9; views show some of them. */
const ten = (): ArrayBuffer => Uint8Array.from({ length: 10 }, (_, i) => i).buffer;
const resizable = (bytes: number, maxByteLength: number): ArrayBuffer & { resize(bytes: number): void } =>
  new (
    ArrayBuffer as unknown as new (
      bytes: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer & { resize(bytes: number): void }
  )(bytes, { maxByteLength });
const detached = (view: (buffer: ArrayBuffer) => unknown): unknown => {
  const buffer = ten();
  const result = view(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return result;
};

const OWN_BYTES: readonly (readonly [string, Payload, readonly number[]])[] = [
  ['a Buffer', Buffer.of(1, 2, 3), [1, 2, 3]],
  ['a Buffer that lies in a larger one', Buffer.from(ten(), 2, 3), [2, 3, 4]],
  ['a pooled Buffer', Buffer.from('pool'), [0x70, 0x6f, 0x6f, 0x6c]],
  ['a Uint8Array', Uint8Array.of(1, 2), [1, 2]],
  ['a part of a Uint8Array', new Uint8Array(ten()).subarray(8), [8, 9]],
  ['an empty Uint8Array', new Uint8Array(0), []],
  ['an empty view inside a buffer', new Uint8Array(ten(), 5, 0), []],
  ['a Uint16Array, by its bytes', new Uint16Array(ten(), 2, 2), [2, 3, 4, 5]],
  ['a Float64Array', new Float64Array(ten().slice(0, 8)), [0, 1, 2, 3, 4, 5, 6, 7]],
  ['a BigInt64Array', BigInt64Array.of(-1n), Array(8).fill(0xff)],
  ['a Uint8ClampedArray', Uint8ClampedArray.of(300), [255]],
  ['a DataView', new DataView(ten(), 3, 4), [3, 4, 5, 6]],
  ['an ArrayBuffer', ten(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ['an empty ArrayBuffer', new ArrayBuffer(0), []],
  ['an ArrayBuffer of another realm', runInNewContext('Uint8Array.of(7, 8).buffer') as ArrayBuffer, [7, 8]],
  ['a view of another realm', runInNewContext('Uint8Array.of(1, 7, 8).subarray(1)') as Uint8Array, [7, 8]],
  ['a resizable ArrayBuffer', resizable(2, 100), [0, 0]],
  ['a view on a resizable ArrayBuffer', new Uint8Array(resizable(9, 100), 1, 3), [0, 0, 0]],
];

for (const [what, payload, bytes] of OWN_BYTES) {
  test(`FB-02 SE-22: exactly the own bytes of ${what} are sent`, () => {
    assert.deepEqual([...payloadBytes(payload as ArrayBufferView)], bytes);
    const { opcode, data } = outgoing(payload, undefined);
    assert.equal(opcode, OPCODE.BINARY);
    assert.deepEqual([...(data as Uint8Array)], bytes);
  });
}

/** A view with a false property. */
const lying = (name: string, value: unknown): Uint8Array =>
  Object.defineProperty(Uint8Array.of(1, 2), name, { value });
class Longer extends Uint8Array {
  override get length(): number {
    return 1_000;
  }
}
const outOfBounds = (): DataView => {
  const buffer = resizable(10, 10);
  const view = new DataView(buffer, 4, 6);
  buffer.resize(2);
  return view;
};

test('FB-03 SE-22: a view with overwritten length or offset sends no foreign byte', () => {
  for (const view of [
    lying('length', 1_000),
    lying('byteLength', 1_000),
    lying('byteOffset', 0),
    lying('buffer', ten()),
    new Longer(Uint8Array.of(1, 2).buffer),
  ]) {
    const bytes = payloadBytes(view);
    assert.equal(bytes.length, 2);
    assert.equal(Buffer.compare(bytes, Uint8Array.of(1, 2)), 0);
  }
});

test('FB-03 SE-22: a length getter that changes its result sends no foreign byte', () => {
  let looks = 0;
  const view = Object.defineProperty(Uint8Array.of(1, 2), 'length', {
    get: () => (looks++ === 0 ? 2 : 1_000),
  });
  const bytes = payloadBytes(view);
  assert.deepEqual([bytes.length, bytes.length, [...bytes]], [2, 2, [1, 2]]);
});

test('FB-03 SE-22: changing a view after the call does not change queued bytes', () => {
  const view = new Uint8Array(20_000).fill(1);
  const bytes = payloadBytes(view);
  for (const name of ['length', 'byteLength', 'byteOffset', 'buffer'])
    Object.defineProperty(view, name, { value: 1_000_000 });
  assert.deepEqual([bytes.length, bytes.byteLength, bytes.byteOffset], [20_000, 20_000, 0]);
});

test('FB-03 SE-22: a large received message is sent on through a view that the library creates', () => {
  const message = Buffer.alloc(16_384);
  const reusable = new ReusableBytes();
  reusable.noteBinary(message);
  const bytes = payloadBytes(message, reusable);
  Object.defineProperty(message, 'length', { value: 1_000_000 });
  assert.equal(bytes.length, 16_384);
});

/** A received message whose `length` is true for the first reads only. */
function fickle(honestLooks: number): Buffer {
  let looks = 0;
  const message = Buffer.from(Uint8Array.of(1, 2, 3).buffer);
  return Object.defineProperty(message, 'length', { get: () => (looks++ < honestLooks ? 3 : 1_000) });
}

test('FB-03 SE-22: a message with a changing length getter is sent on unchanged', () => {
  const expected = Buffer.of(0x82, 3, 1, 2, 3);
  for (let honestLooks = 0; honestLooks < 12; honestLooks++) {
    const reusable = new ReusableBytes();
    const message = fickle(honestLooks);
    reusable.noteBinary(message);
    assert.deepEqual(new PreparedMessage(message, undefined, reusable).frame, expected);
    const target = Buffer.alloc(2_000);
    const bytes = payloadBytes(fickle(honestLooks));
    assert.equal(writeFrame(target, 0, OPCODE.BINARY, bytes, undefined), 5);
    assert.equal(writeFrame(target, 0, OPCODE.BINARY, fickle(honestLooks), undefined), 5);
    assert.deepEqual(target.subarray(0, 6), Buffer.of(...expected, 0));
    assert.deepEqual(buildFrame(OPCODE.BINARY, fickle(honestLooks), undefined), expected);
    assert.deepEqual([...ownView(fickle(honestLooks))], [1, 2, 3]);
  }
});

test('FB-02: a resizable buffer that pretends to have a fixed size is copied like any other', () => {
  const buffer = Object.defineProperty(resizable(4, 100), 'resizable', { value: false });
  const bytes = payloadBytes(buffer);
  buffer.resize(0);
  assert.equal(bytes.length, 4);
});

test('FB-03 SE-22: a received message that the application has changed is checked like any other payload', () => {
  const reusable = new ReusableBytes();
  const received = (): Buffer => {
    const message = Buffer.from(Uint8Array.of(1, 2).buffer);
    reusable.noteBinary(message);
    return message;
  };
  const untouched = received();
  assert.equal(payloadBytes(untouched, reusable), untouched);
  for (const [name, value] of [
    ['length', 1_000],
    ['length', 1],
  ] as const) {
    const message = Object.defineProperty(received(), name, { value });
    const bytes = payloadBytes(message, reusable);
    assert.notEqual(bytes, message);
    assert.deepEqual([...bytes], [1, 2]);
  }
  const subclassed = Object.setPrototypeOf(received(), Longer.prototype) as Buffer;
  assert.deepEqual([...payloadBytes(subclassed, reusable)], [1, 2]);
  const moved = received();
  structuredClone(moved.buffer, { transfer: [moved.buffer as ArrayBuffer] });
  assert.throws(() => payloadBytes(moved, reusable), { code: 'ERR_ARGUMENT' });
});

const MISUSE: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 1_000_000],
  ['a bigint', 5n],
  ['a boolean', true],
  ['a symbol', Symbol('payload')],
  ['a function', () => 'payload'],
  ['an object', {}],
  ['an object with length', { length: 5 }],
  ['an object with byteLength', { byteLength: 5, byteOffset: 0, buffer: ten() }],
  ['an object that calls itself an ArrayBuffer', { [Symbol.toStringTag]: 'ArrayBuffer', length: 5 }],
  ['an object made from ArrayBuffer’s prototype', Object.create(ArrayBuffer.prototype)],
  ['an object without prototype', Object.create(null)],
  ['an object with a constructor of its own', JSON.parse('{"constructor":{"name":{"toString":1}}}')],
  ['an array', [1, 2, 3]],
  ['a String object', Object('text')],
  ['a Proxy of a Uint8Array', new Proxy(Uint8Array.of(1), {})],
  ['a Blob', new Blob(['x'])],
  ['a Buffer as JSON', JSON.parse(JSON.stringify(Buffer.from('x')))],
  ['shared memory', new SharedArrayBuffer(4)],
  ['a view on shared memory', new Uint8Array(new SharedArrayBuffer(4))],
  ['a DataView on shared memory', new DataView(new SharedArrayBuffer(4))],
  ['a detached ArrayBuffer', detached((buffer) => buffer)],
  ['a Uint8Array on a detached buffer', detached((buffer) => new Uint8Array(buffer))],
  ['a Buffer on a detached buffer', detached((buffer) => Buffer.from(buffer))],
  ['a Uint16Array on a detached buffer', detached((buffer) => new Uint16Array(buffer))],
  ['a DataView on a detached buffer', detached((buffer) => new DataView(buffer))],
  ['a DataView that lies outside of its shrunk buffer', outOfBounds()],
];

for (const [what, payload] of MISUSE) {
  test(`FB-03 SE-22 ER-03: ${what} is misuse`, () => {
    for (const binary of [undefined, true, false]) {
      assert.throws(
        () => outgoing(payload as Payload, binary),
        (error) => error instanceof MisuseError && error.code === 'ERR_ARGUMENT' && error.message.length > 20,
      );
    }
    assert.throws(() => payloadBytes(payload as ArrayBuffer), { name: 'MisuseError', code: 'ERR_ARGUMENT' });
  });
}

test('FB-02: a string is sent as text, or as binary on request', () => {
  assert.deepEqual(outgoing('é', undefined), { opcode: OPCODE.TEXT, data: 'é' });
  assert.deepEqual(outgoing('é', false), { opcode: OPCODE.TEXT, data: 'é' });
  assert.deepEqual(outgoing('é', true), { opcode: OPCODE.BINARY, data: Buffer.of(0xc3, 0xa9) });
});

test('FB-02: bytes are sent as binary, or as text on request if they are UTF-8', () => {
  const text = new Uint8Array(Buffer.from('Grüße'));
  assert.deepEqual(outgoing(text, true), { opcode: OPCODE.BINARY, data: text });
  assert.deepEqual(outgoing(text, false), { opcode: OPCODE.TEXT, data: text });
  assert.throws(() => outgoing(Buffer.of(0xc3), false), {
    code: 'ERR_ARGUMENT',
    message: 'payload is to go out as text, but is not UTF-8',
  });
});

test('FB-06: bytes are not copied, except for memory that can change its size', () => {
  const buffer = ten();
  assert.equal(payloadBytes(new Uint8Array(buffer)).buffer, buffer);
  assert.equal(payloadBytes(buffer).buffer, buffer);
  const changing = resizable(4, 8);
  assert.notEqual(payloadBytes(changing).buffer, changing);
});

test('ER-01: the error message names the value that was passed', () => {
  assert.throws(() => outgoing(5 as unknown as Payload, undefined), /not number; send String\(value\)$/);
  assert.throws(() => outgoing(null as unknown as Payload, undefined), /not null$/);
  assert.throws(() => outgoing(new Map() as unknown as Payload, undefined), /not Map$/);
  assert.throws(() => outgoing(Object.create(null) as Payload, undefined), /not an object$/);
});
