import { close, frame, ping, pong, text } from '../../src/testing/frames.ts';
import { fails, type Row } from './row.ts';

const longest = 'r'.repeat(123);

export const CLOSING: readonly Row[] = [
  {
    rule: 'CL-04 CL-05 an empty body is answered with an empty body',
    wire: (mask) => [close(undefined, '', { mask })],
    lines: ['> close', 'close 1005 ""'],
  },
  {
    rule: 'CL-04 SE-16 a body of one byte',
    wire: (mask) => [frame({ opcode: 8, mask, payload: Buffer.of(3) })],
    lines: fails('ERR_CLOSE_BODY'),
    provedBy: { payload: 1 },
  },
  {
    rule: 'CL-05 the answer repeats the code, not the reason',
    wire: (mask) => [close(4999, 'bis bald, κόσμε', { mask })],
    lines: ['> close 4999', 'close 4999 "bis bald, κόσμε"'],
  },
  {
    rule: 'CL-04 the longest reason',
    wire: (mask) => [close(1001, longest, { mask })],
    lines: ['> close 1001', `close 1001 "${longest}"`],
  },
  {
    rule: 'FP-09 a reason that is one byte too long',
    wire: (mask) => [close(1001, `${longest}r`, { mask })],
    lines: fails('ERR_CONTROL_TOO_LONG'),
    provedBy: { header: 2 },
  },
  {
    rule: 'FP-14 CT-03 SE-16 after the Close of the peer nothing is read or answered',
    wire: (mask) => [
      text('last', { mask }),
      close(1000, '', { mask }),
      ping('x', { mask }),
      text('x', { mask }),
      close(1001, '', { mask }),
      frame({ opcode: 3, mask }),
    ],
    lines: ['text "last"', '> close 1000', 'close 1000 ""'],
  },
  {
    rule: 'CL-01 CT-03 after our Close: pings are answered, messages checked, the peer’s Close is not answered again',
    wire: (mask) => [
      text('late', { mask }),
      ping('p', { mask }),
      pong('q', { mask }),
      close(1000, 'done', { mask }),
      ping('x', { mask }),
    ],
    lines: ['> close 1000', 'text "late"', '> pong 70', 'ping 70', 'pong 71', 'close 1000 "done"'],
    closeFirst: true,
  },
  {
    rule: 'CL-05 after our Close a violation sends no second one',
    wire: (mask) => [text(Buffer.of(0xff), { mask }), close(1000, '', { mask })],
    lines: ['> close 1000', 'failure ERR_UTF8'],
    closeFirst: true,
  },
  {
    rule: 'CL-04 after our Close an invalid Close of the peer is still a violation',
    wire: (mask) => [close(1006, '', { mask })],
    lines: ['> close 1000', 'failure ERR_CLOSE_CODE'],
    closeFirst: true,
  },
];
