import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPCODE } from '../../../src/protocol/constants.ts';
import { buildFrame } from '../../../src/protocol/outgoing/frame-builder.ts';
import { joinSmall } from '../../../src/protocol/outgoing/joined-run.ts';
import {
  dropOldestMessage,
  messagesIn,
  takeControl,
  type WaitingFrame,
} from '../../../src/protocol/outgoing/waiting-frames.ts';

const text = (of: string) => buildFrame(OPCODE.TEXT, of, undefined);
const pong = (of: string) => buildFrame(OPCODE.PONG, Buffer.from(of), undefined);
const run = (...frames: Buffer[]) => Buffer.concat(frames);
const payload = Buffer.alloc(20_000);
const large: WaitingFrame = { header: Buffer.alloc(4), payload, length: 20_004 };

for (const [what, waiting, from, bytes, left] of [
  ['nothing', [], 0, 0, []],
  ['one message', [text('a')], 0, 3, []],
  ['two in a run', [run(text('a'), text('bc'))], 0, 3, [text('bc')]],
  ['a message after a pong', [run(pong('p'), text('a'), text('b'))], 0, 3, [pong('p'), text('b')]],
  ['pongs only', [pong('p'), run(pong('q'), pong('r'))], 0, 0, [pong('p'), run(pong('q'), pong('r'))]],
  ['a pong, then a message', [pong('p'), text('abc')], 0, 5, [pong('p')]],
  ['an uncopied message', [large, text('a')], 0, 20_004, [text('a')]],
  ['a message after a begun one', [text('begun'), large], 1, 20_004, [text('begun')]],
  ['only a begun message', [text('begun')], 1, 0, [text('begun')]],
] as const satisfies readonly (readonly [string, readonly WaitingFrame[], number, number, unknown])[]) {
  test(`BP-05: drop-oldest drops the oldest of ${what}: ${bytes} bytes`, () => {
    const frames: WaitingFrame[] = [...waiting];
    assert.equal(dropOldestMessage(frames, from), bytes);
    assert.deepEqual(frames, left);
  });
}

const ping = (of: string) => buildFrame(OPCODE.PING, Buffer.from(of), undefined);
const bye = buildFrame(OPCODE.CLOSE, Buffer.alloc(0), undefined);

for (const [what, waiting, from, control, left] of [
  ['no frame', [], 0, [], []],
  ['messages and Close', [text('a'), large, bye], 0, [], [text('a'), large, bye]],
  ['a pong alone', [pong('p')], 0, [pong('p')], []],
  [
    'runs with pings and pongs',
    [
      run(pong('p'), text('a')),
      large,
      run(text('b'), ping('q'), pong('r'), text('c')),
      run(text('d'), pong('s')),
    ],
    0,
    [pong('p'), ping('q'), pong('r'), pong('s')],
    [text('a'), large, run(text('b'), text('c')), text('d')],
  ],
  [
    'an entry that is partly sent',
    [pong('p').subarray(1), pong('q'), bye],
    1,
    [pong('q')],
    [pong('p').subarray(1), bye],
  ],
] as const satisfies readonly (readonly [string, readonly WaitingFrame[], number, unknown, unknown])[]) {
  test(`§5.5.3 pings and pongs are extracted from ${what}, in order`, () => {
    const frames: WaitingFrame[] = [...waiting];
    assert.deepEqual(takeControl(frames, from), control);
    assert.deepEqual(frames, left);
  });
}

for (const [what, frame, messages] of [
  ['a message', text(''), 1],
  ['a pong', pong('p'), 0],
  ['a run', run(text('a'), pong('p'), text('b'), text('c')), 3],
  ['an uncopied message', large, 1],
] as const) {
  test(`BP-05: ${what} counts ${messages} messages`, () => {
    assert.equal(messagesIn(frame), messages);
  });
}

test('TS-09: adjacent small frames leave as one chunk, large frames separately', () => {
  const [a, b, c, big] = [text('a'), text('b'), text('c'), payload];
  assert.deepEqual(joinSmall([a]), [a]);
  const joined = joinSmall([a, b, big, c]);
  assert.deepEqual(joined, [run(a, b), big, c]);
  assert.equal(joined[1], big);
  assert.equal(joined[2], c);
});
