import { binary, close, continuation, frame, ping, pong, text } from '../../src/testing/frames.ts';
import { fails, type Mask, type Row } from './row.ts';

const filled = (length: number): Buffer => Buffer.alloc(length, 0x61);

const fragments: Row[] = [
  {
    rule: 'FR-01 three fragments, the type comes from the first',
    wire: (mask) => [
      binary(Buffer.of(1, 2), { mask, fin: false }),
      continuation(Buffer.of(3), { mask, fin: false }),
      continuation(Buffer.of(4), { mask }),
      text('next', { mask }),
    ],
    lines: ['binary 01020304', 'text "next"'],
  },
  {
    rule: 'FR-01 FP-10 empty fragments first, between and last',
    wire: (mask) => [
      text('', { mask, fin: false }),
      continuation('a', { mask, fin: false }),
      continuation('', { mask, fin: false }),
      continuation('b', { mask, fin: false }),
      continuation('', { mask }),
    ],
    lines: ['text "ab"'],
  },
  {
    rule: 'FR-01 a message of empty fragments only',
    wire: (mask) => [binary('', { mask, fin: false }), continuation('', { mask }), text('', { mask })],
    lines: ['binary', 'text ""'],
  },
  {
    rule: 'FR-01 fragments with different keys',
    wire: (mask) => [
      text('wir', { mask, fin: false }),
      continuation('ed', { mask: mask === false ? false : Buffer.of(0xff, 0, 0x80, 1) }),
    ],
    lines: ['text "wired"'],
  },
  {
    rule: 'FR-02 a final continuation with nothing in progress',
    wire: (mask) => [continuation('x', { mask })],
    lines: fails('ERR_CONTINUATION'),
    provedBy: { header: 1 },
  },
  {
    rule: 'FR-02 a continuation that is not final with nothing in progress',
    wire: (mask) => [continuation('x', { mask, fin: false })],
    lines: fails('ERR_CONTINUATION'),
    provedBy: { header: 1 },
  },
  {
    rule: 'FR-02 a continuation after a whole message, and after a fragmented one',
    wire: (mask) => [
      text('a', { mask, fin: false }),
      continuation('b', { mask }),
      text('c', { mask }),
      continuation('d', { mask }),
    ],
    lines: ['text "ab"', 'text "c"', ...fails('ERR_CONTINUATION')],
    provedBy: { header: 1 },
  },
  ...[1, 2].flatMap((opcode) =>
    [true, false].map((fin) => ({
      rule: `FR-03 opcode ${opcode}, ${fin ? 'final' : 'not final'}, inside a message`,
      wire: (mask: Mask) => [text('a', { mask, fin: false }), frame({ opcode, fin, mask, payload: 'b' })],
      lines: fails('ERR_INTERLEAVED'),
      provedBy: { header: 1 },
    })),
  ),
  {
    rule: 'FR-04 CT-01 control frames between fragments are handled at once',
    wire: (mask) => [
      text('a', { mask, fin: false }),
      ping('1', { mask }),
      continuation('b', { mask, fin: false }),
      pong('2', { mask }),
      ping('', { mask }),
      continuation('c', { mask }),
    ],
    lines: ['> pong 31', 'ping 31', 'pong 32', '> pong', 'ping', 'text "abc"'],
  },
  {
    rule: 'FR-04 Close between fragments ends both message and connection',
    wire: (mask) => [
      text('a', { mask, fin: false }),
      close(1001, 'bye', { mask }),
      continuation('b', { mask }),
    ],
    lines: ['> close 1001', 'close 1001 "bye"'],
  },
  {
    rule: 'FP-11 whole messages before a bad frame are delivered, nothing after it',
    wire: (mask) => [
      text('one', { mask }),
      ping('p', { mask }),
      text('two', { mask, fin: false }),
      continuation('!', { mask }),
      frame({ opcode: 3, mask }),
    ],
    lines: ['text "one"', '> pong 70', 'ping 70', 'text "two!"', ...fails('ERR_OPCODE')],
    provedBy: { header: 1 },
  },
  {
    rule: 'FP-14 CL-07 after a failure nothing is read, not even Close',
    wire: (mask) => [
      frame({ opcode: 3, mask }),
      text('x', { mask }),
      ping('x', { mask }),
      close(1000, '', { mask }),
    ],
    lines: fails('ERR_OPCODE'),
  },
];

const limits: Row[] = [
  {
    rule: 'FR-05 one frame of exactly maxMessageBytes',
    wire: (mask) => [text(filled(150), { mask })],
    lines: [`text "${'a'.repeat(150)}"`],
    limits: { maxMessageBytes: 150 },
  },
  {
    rule: 'FR-05 one frame of maxMessageBytes + 1',
    wire: (mask) => [text(filled(151), { mask })],
    lines: fails('ERR_MESSAGE_TOO_BIG'),
    provedBy: { header: 4 },
    limits: { maxMessageBytes: 150 },
  },
  {
    rule: 'FR-05 SE-15 fragments that make exactly maxMessageBytes, twice',
    wire: (mask) =>
      [0, 1].flatMap(() => [
        text(filled(6), { mask, fin: false }),
        continuation(filled(4), { mask, fin: false }),
        continuation('', { mask }),
      ]),
    lines: ['text "aaaaaaaaaa"', 'text "aaaaaaaaaa"'],
    limits: { maxMessageBytes: 10 },
  },
  {
    rule: 'FR-05 FP-08 SE-15 fragments announce one byte over the limit: fails at the header',
    wire: (mask) => [
      text(filled(6), { mask, fin: false }),
      continuation(filled(4), { mask, fin: false }),
      continuation('a', { mask }),
    ],
    lines: fails('ERR_MESSAGE_TOO_BIG'),
    provedBy: { header: 2 },
    limits: { maxMessageBytes: 10 },
  },
  {
    rule: 'FR-06 a message of exactly maxFragments, twice',
    wire: (mask) =>
      [0, 1].flatMap(() => [
        binary('a', { mask, fin: false }),
        continuation('', { mask, fin: false }),
        ping('', { mask }),
        continuation('b', { mask }),
      ]),
    lines: ['> pong', 'ping', 'binary 6162', '> pong', 'ping', 'binary 6162'],
    limits: { maxFragments: 3 },
  },
  {
    rule: 'FR-06 SE-14 one fragment over the limit, empty, final or not: fails at its first byte',
    wire: (mask) => [
      binary('', { mask, fin: false }),
      continuation('', { mask, fin: false }),
      continuation('', { mask, fin: false }),
      continuation('', { mask }),
    ],
    lines: fails('ERR_TOO_MANY_FRAGMENTS'),
    provedBy: { header: 1 },
    limits: { maxFragments: 3 },
  },
  {
    rule: 'FR-06 whole messages with maxFragments 1',
    wire: (mask) => [text('a', { mask }), text('b', { mask }), text('c', { mask, fin: false })],
    lines: ['text "a"', 'text "b"'],
    limits: { maxFragments: 1 },
  },
];

export const MESSAGES: readonly Row[] = [...fragments, ...limits];
