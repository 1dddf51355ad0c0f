import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  closeFrame,
  creditFrame,
  dataFrame,
  MAX_NUMBER,
  openFrame,
  readFrame,
  TYPE,
} from '../../src/channels/channel-frame.ts';

const hex = (bytes: Buffer): string => bytes.toString('hex');

test('MX-01: frames have the documented bytes, and are read back', () => {
  const rows: readonly (readonly [frame: Buffer, bytes: string, fields: object])[] = [
    [
      openFrame(1, 65_536, 'a', ''),
      '00018080040161',
      { type: TYPE.OPEN, id: 1, credit: 65_536, name: 'a', metadata: undefined },
    ],
    [openFrame(2, 1, 'ü', '[1]'), '00020102c3bc5b315d', { name: 'ü', metadata: [1] }],
    [creditFrame(TYPE.ACCEPT, 300, 127), '01ac027f', { type: TYPE.ACCEPT, id: 300, credit: 127 }],
    [
      creditFrame(TYPE.CREDIT, MAX_NUMBER, MAX_NUMBER),
      '03ffffff7fffffff7f',
      { id: MAX_NUMBER, credit: MAX_NUMBER },
    ],
    [closeFrame(1, 1000, ''), '020103e8', { type: TYPE.CLOSE, id: 1, code: 1000, reason: '' }],
    [closeFrame(1, 4999, 'no'), '020113876e6f', { code: 4999, reason: 'no' }],
    [
      dataFrame(5, Buffer.from('x'), false, false),
      '040578',
      { type: TYPE.DATA, isText: false, isLast: false },
    ],
    [
      dataFrame(5, Buffer.from('x'), true, true),
      '070578',
      { isText: true, isLast: true, payload: Buffer.from('x') },
    ],
    [dataFrame(5, Buffer.alloc(0), false, true), '0605', { isLast: true, payload: Buffer.alloc(0) }],
  ];
  for (const [frame, bytes, fields] of rows) {
    assert.equal(hex(frame), bytes);
    const read = readFrame(frame);
    assert.deepEqual({ ...read, ...fields }, read, bytes);
  }
});

test('MX-01: a malformed frame is ERR_CHANNEL with 1008, and says what is wrong', () => {
  const rows: readonly (readonly [bytes: string, message: RegExp])[] = [
    ['', /ends too early/],
    ['08', /no frame of type 8/],
    ['04', /ends too early/],
    ['0400', /id is 0 or not in its shortest form/],
    ['048100', /id is 0 or not in its shortest form/],
    ['0480808080', /id is longer than 4 bytes/],
    ['0001', /ends too early/],
    ['000101', /ends too early/],
    ['00010100', /length of the name is 0/],
    ['0001010261', /name ends too early/],
    ['00010101ff', /name is not UTF-8/],
    [`0001018102${'61'.repeat(257)}`, /name is longer than 256 bytes/],
    ['00010101617b', /metadata are not JSON/],
    [`0001010161${'20'.repeat(4_097)}`, /metadata is longer than 4096 bytes/],
    ['0101', /ends too early/],
    ['010100', /credit is 0/],
    ['01010100', /bytes follow the credit/],
    ['0301017f', /bytes follow the credit/],
    ['020103', /code ends too early/],
    ['020103ed', /1005 is no code/],
    ['02010000', /0 is no code/],
    ['020103e8ff', /reason is not UTF-8/],
    [`020103e8${'61'.repeat(124)}`, /reason is longer than 123 bytes/],
  ];
  for (const [bytes, message] of rows)
    assert.throws(
      () => readFrame(Buffer.from(bytes, 'hex')),
      { code: 'ERR_CHANNEL', closeCode: 1008, message },
      bytes,
    );
});

test('MX-01: any bytes are a frame or ERR_CHANNEL', () => {
  let seed = 7;
  const next = (): number => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff) >> 8;
  for (let i = 0; i < 20_000; i++) {
    const bytes = Buffer.from(Array.from({ length: next() % 12 }, () => next() & (next() % 2 ? 0x0f : 0xff)));
    try {
      readFrame(bytes);
    } catch (error) {
      assert.equal((error as { code?: unknown }).code, 'ERR_CHANNEL', hex(bytes));
    }
  }
});
