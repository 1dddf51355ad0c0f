import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { drive } from '../../fuzz/drive.ts';
import {
  buildCloseBody,
  checkCloseArguments,
  codeOnWire,
  type CloseMove,
  type ClosePhase,
  isReceivableCode,
  isSendableCode,
  MAX_REASON_BYTES,
  moveClose,
  NO_CODE,
  readCloseBody,
} from '../../src/protocol/close.ts';
import { MisuseError, PeerError } from '../../src/protocol/errors.ts';
import { close, DEFAULT_KEY } from '../../src/testing/frames.ts';
import { fails, LIMITS } from '../vectors/row.ts';
import { coreWith, SILENT } from './cores.ts';

/** CL-04: first and last code of each range. */
const RECEIVABLE = [
  [1000, 1003],
  [1007, 1014],
  [3000, 4999],
] as const;
const receivable = new Set(
  RECEIVABLE.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)),
);

for (const role of ['server', 'client'] as const) {
  test(`CL-04 SE-16 §7.4: all close codes from 0 to 65535, received by the ${role}`, () => {
    const mask = role === 'server' ? DEFAULT_KEY : false;
    for (let code = 0; code <= 0xffff; code++) {
      const { lines } = drive({ role, limits: LIMITS }, [close(code, 'why', { mask })]);
      const right = receivable.has(code)
        ? [`> close ${code}`, `close ${code} "why"`]
        : fails('ERR_CLOSE_CODE');
      assert.deepEqual(lines, right);
      assert.equal(isReceivableCode(code), receivable.has(code));
    }
  });

  test(`CL-02: the codes that a ${role} application may send, or pass on after receiving them`, () => {
    for (let code = 0; code <= 0xffff; code++) {
      const sendable = receivable.has(code) && (role === 'client' || code !== 1010);
      assert.equal(isSendableCode(code, role), sendable, String(code));
      const sent = sendable || code === 1005 ? code : [1006, 1010, 1015].includes(code) ? 1011 : undefined;
      if (sent === undefined) {
        assert.throws(() => checkCloseArguments(code, '', role), { code: 'ERR_ARGUMENT' }, String(code));
      } else {
        checkCloseArguments(code, '', role);
        assert.equal(codeOnWire(code, role), sent);
      }
    }
  });

  test(`CL-02 §7.4.1 a ${role} core sends an empty Close for 1005, and 1011 for codes that must not be sent`, () => {
    for (const [code, sent] of [
      [1005, undefined],
      [1006, 1011],
      [1015, 1011],
      [1010, role === 'client' ? 1010 : 1011],
    ] as const) {
      for (const how of ['close', 'fail'] as const) {
        const bodies: Uint8Array[] = [];
        const keep = (body: Uint8Array): void => void bodies.push(body);
        const core = coreWith({
          role,
          sink: {
            control: () => assert.fail('no control frame is due'),
            closeAfterWaiting: keep,
            closeNow: keep,
          },
        });
        if (how === 'close') core.close(code, 'why');
        else core.fail(new PeerError('ERR_RATE'), code);
        const [body] = bodies as Buffer[];
        assert.equal(body!.length === 0 ? undefined : body!.readUInt16BE(), sent, `${how} ${code}`);
        assert.equal(core.sentCode, sent ?? 1005);
      }
      const core = coreWith({ role, sink: SILENT });
      assert.throws(() => core.close(1004, ''), { code: 'ERR_ARGUMENT' });
      assert.throws(() => core.close(0, ''), { code: 'ERR_ARGUMENT' });
      assert.deepEqual([core.phase, core.sentCode], ['open', undefined]);
    }
  });
}

test('CL-02 CL-03 SE-22: close arguments other than a code and a string are misuse', () => {
  for (const code of [
    1000.5,
    Number.NaN,
    Infinity,
    -1000,
    66_536,
    '1000',
    1000n,
    null,
    [1000],
    { length: 2 },
  ]) {
    assert.throws(() => checkCloseArguments(code, '', 'server'), MisuseError, inspect(code));
  }
  for (const reason of [1, null, Buffer.from('bye'), ['bye'], { length: 3 }, undefined]) {
    assert.throws(() => checkCloseArguments(1000, reason, 'client'), {
      name: 'MisuseError',
      code: 'ERR_ARGUMENT',
      message: `close reason must be a string, not ${typeof reason}`,
    });
  }
});

const body = (code: number, reason: string) =>
  Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason)]);

test('§5.5.1: the Close body is the code, big-endian, and the reason', () => {
  assert.deepEqual(buildCloseBody(1000, ''), Buffer.of(0x03, 0xe8));
  assert.deepEqual(buildCloseBody(4999, 'κ'), Buffer.of(0x13, 0x87, 0xce, 0xba));
  assert.deepEqual(buildCloseBody(NO_CODE, 'nobody hears this'), Buffer.alloc(0));
  assert.deepEqual(readCloseBody(Buffer.alloc(0)), { code: NO_CODE, reason: '' });
  assert.deepEqual(readCloseBody(body(3000, '\ufeffκόσμε')), { code: 3000, reason: '\ufeffκόσμε' });
});

/** The given reason, and the reason that fits into 123 bytes. */
const CUTS: readonly (readonly [string, string])[] = [
  ['r'.repeat(123), 'r'.repeat(123)],
  ['r'.repeat(124), 'r'.repeat(123)],
  ['r'.repeat(100_000), 'r'.repeat(123)],
  [`${'r'.repeat(121)}é`, `${'r'.repeat(121)}é`],
  [`${'r'.repeat(122)}é`, 'r'.repeat(122)],
  [`${'r'.repeat(120)}世`, `${'r'.repeat(120)}世`],
  [`${'r'.repeat(121)}世`, 'r'.repeat(121)],
  [`${'r'.repeat(122)}世`, 'r'.repeat(122)],
  [`${'r'.repeat(119)}👋`, `${'r'.repeat(119)}👋`],
  [`${'r'.repeat(120)}👋`, 'r'.repeat(120)],
  [`${'r'.repeat(121)}👋`, 'r'.repeat(121)],
  [`${'r'.repeat(122)}👋`, 'r'.repeat(122)],
  ['世'.repeat(42), '世'.repeat(41)],
  ['👋'.repeat(31), '👋'.repeat(30)],
  ['lone \ud800 surrogate', 'lone \ufffd surrogate'],
  [`${'r'.repeat(121)}\udc00`, 'r'.repeat(121)],
];

for (const [given, fits] of CUTS) {
  test(`CL-03: a reason of ${Buffer.byteLength(given)} bytes that ends in ${JSON.stringify(given.slice(-2))}`, () => {
    assert.deepEqual(buildCloseBody(1000, given), body(1000, fits));
  });
}

test('CL-03: a reason is cut at a code point, as late as the limit allows', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (reason) => {
      const whole = Buffer.from(reason, 'utf8');
      const sent = buildCloseBody(1000, reason).subarray(2);
      assert.ok(isUtf8(sent) && sent.length <= MAX_REASON_BYTES);
      assert.deepEqual(sent, whole.subarray(0, sent.length));
      assert.ok(sent.length === whole.length || sent.length > MAX_REASON_BYTES - 4);
    }),
  );
});

test('§7.1.2 to §7.1.7: the closing handshake makes the moves of the table; any other move is an internal error', () => {
  const legal = new Map<string, ClosePhase>([
    ['open send-close', 'close-sent'],
    ['open receive-close', 'closed-both'],
    ['open fail', 'failed'],
    ['open transport-end', 'ended'],
    ['close-sent receive-close', 'closed-both'],
    ['close-sent fail', 'failed'],
    ['close-sent transport-end', 'ended'],
    ['closed-both transport-end', 'ended'],
    ['failed transport-end', 'ended'],
  ]);
  const phases: ClosePhase[] = ['open', 'close-sent', 'closed-both', 'failed', 'ended'];
  const moves: CloseMove[] = ['send-close', 'receive-close', 'fail', 'transport-end'];
  for (const phase of phases) {
    for (const move of moves) {
      const to = legal.get(`${phase} ${move}`);
      if (to === undefined) assert.throws(() => moveClose(phase, move), { code: 'ERR_STATE' });
      else assert.equal(moveClose(phase, move), to);
    }
  }
});
