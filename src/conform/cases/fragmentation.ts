import type { Buffer } from 'node:buffer';
import type { FrameCase } from '../case.ts';
import type { FrameSpec } from '../model.ts';
import {
  ascii,
  binary,
  fails,
  failsCut,
  fine,
  fineCut,
  frames,
  gotBinary,
  gotPong,
  gotText,
  more,
  OPEN,
  patterned,
  ping,
  pong,
  text,
} from '../build.ts';

/** A message in fragments of `size` bytes. */
const pieces = (opcode: 1 | 2, message: Buffer, size: number): FrameSpec[] =>
  Array.from({ length: Math.max(1, Math.ceil(message.length / size)) }, (_, i) => ({
    opcode: i === 0 ? opcode : 0,
    fin: (i + 1) * size >= message.length,
    payload: message.subarray(i * size, (i + 1) * size),
  }));

const id = (name: string): string => `fragmentation.${name}`;

/** Cases about fragmentation: §5.4. */
export const fragmentationCases = (): readonly FrameCase[] => [
  frames(id('two'), '§5.4', 'The peer returns a message in two fragments whole', [
    fineCut([text('Hel', OPEN), more('lo')], [gotText('Hello')]),
    fineCut([binary('Hel', OPEN), more('lo')], [gotBinary('Hello')]),
  ]),
  frames(id('many'), '§5.4', 'The peer returns a message in many fragments whole', [
    fine(pieces(1, ascii(500), 1), [gotText(ascii(500))], { label: '500 of one byte' }),
    fine(pieces(2, patterned(65_536), 512), [gotBinary(patterned(65_536))], { label: '128 of 512 bytes' }),
    fine(pieces(2, patterned(200), 7), [gotBinary(patterned(200))], {
      label: '29 of 7 bytes, byte by byte',
      cutBytes: 1,
    }),
  ]),
  ...[64, 1_024, 65_536].map((size) =>
    frames(
      id(`size.${size}`),
      '§5.4',
      `The peer returns a message of 256 KiB in fragments of ${size.toLocaleString('en')} bytes whole`,
      [
        fine(() => pieces(1, ascii(262_144), size), [gotText(ascii(262_144))], {
          label: 'text',
          limitCodes: [1009],
        }),
        fine(() => pieces(2, patterned(262_144), size), [gotBinary(patterned(262_144))], {
          label: 'binary',
          limitCodes: [1009],
        }),
      ],
    ),
  ),
  frames(id('empty'), '§5.4', 'Fragments may be empty', [
    fineCut([text('', OPEN), more('', OPEN), more('')], [gotText('')]),
    fineCut([text('', OPEN), more('middle', OPEN), more('')], [gotText('middle')]),
    fineCut([binary('a', OPEN), more('', OPEN), more('b')], [gotBinary('ab')]),
  ]),
  frames(
    id('ping-between'),
    '§5.4',
    'The peer answers a ping between fragments at once, and the message stays whole',
    [
      fineCut([text('a', OPEN), ping('p'), more('b')], [gotPong('p'), gotText('ab')]),
      fineCut(
        [text('a', OPEN), ping('1'), more('b', OPEN), ping('2'), ping('3'), more('c')],
        [gotPong('1'), gotPong('2'), gotPong('3'), gotText('abc')],
      ),
    ],
  ),
  frames(id('ping-unfinished'), '§5.5.2', 'The peer answers a ping inside an unfinished message', [
    fine([text('a', OPEN), ping('now'), more('b')], [gotPong('now'), gotText('ab')], {
      label: 'then finished',
    }),
  ]),
  frames(id('pong-between'), '§5.4', 'The peer ignores a pong between fragments', [
    fineCut([text('a', OPEN), pong('p'), more('b')], [gotText('ab')]),
  ]),
  frames(id('twice'), '§5.4', 'A second fragmented message is independent of the first', [
    fineCut(
      [text('a', OPEN), more('b'), binary('c', OPEN), more('d'), text('e')],
      [gotText('ab'), gotBinary('cd'), gotText('e')],
    ),
  ]),
  frames(id('continuation.lone'), '§5.4', 'A continuation without a message fails the connection', [
    failsCut([text('fine'), more('lone')], [1002], [gotText('fine')]),
    fails([more('lone', OPEN)], [1002], [], { label: 'not final' }),
    fails([more('')], [1002], [], { label: 'empty' }),
    fails([text('a', OPEN), more('b'), more('c')], [1002], [gotText('ab')], {
      label: 'after a message in fragments',
    }),
    fails([ping('p'), more('c')], [1002], [gotPong('p')], { label: 'after a ping' }),
  ]),
  frames(
    id('continuation.early'),
    '§5.4',
    'A continuation without a message fails the connection before its payload arrives',
    [fails([more(ascii(100))], [1002], [], { heldBytes: 90 })],
  ),
  frames(id('interleaved'), '§5.4', 'A new message inside an unfinished one fails the connection', [
    failsCut([text('a', OPEN), text('b')], [1002]),
    failsCut([text('a', OPEN), binary('b')], [1002]),
    fails([binary('a', OPEN), text('b', OPEN), more('c')], [1002], [], { label: 'both in fragments' }),
    fails([text('a', OPEN), more('b', OPEN), text('c')], [1002], [], { label: 'after a continuation' }),
    fails([text('', OPEN), text('')], [1002], [], { label: 'both empty' }),
    fails([text('a', OPEN), ping('p'), text('b')], [1002], [gotPong('p')], { label: 'after a ping' }),
  ]),
  frames(
    id('interleaved.early'),
    '§5.4',
    'A new message inside an unfinished one fails the connection before its payload arrives',
    [fails([text('a', OPEN), text(ascii(100))], [1002], [], { heldBytes: 90 })],
  ),
];
export { pieces };
