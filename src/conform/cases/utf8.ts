import { Buffer } from 'node:buffer';
import type { FrameCase, Run } from '../case.ts';
import {
  binary,
  fails,
  fine,
  frames,
  gotBinary,
  gotText,
  hex,
  more,
  OPEN,
  ping,
  gotPong,
  text,
} from '../build.ts';

const id = (name: string): string => `utf8.${name}`;

/** Valid text: sequences of each length, and the limits of each range. */
const VALID: readonly (readonly [name: string, digits: string])[] = [
  ['edges.1', '00 01 7f'],
  ['edges.2', 'c280 c281 dfbf'],
  ['edges.3', 'e0a080 e0bfbf e18080 ecbfbf ed8080 ed9fbf ee8080 efbfbd efbfbe efbfbf'],
  ['edges.4', 'f0908080 f0bfbfbf f1808080 f3bfbfbf f4808080 f48fbfbf'],
  ['mark', 'efbbbf 48 69'],
  ['greek', 'cebae1bdb9cf83cebcceb5'],
  ['emoji', 'f09f9880 f09f91a9e2808df09f92bb'],
  ['noncharacters', 'efb790 efb7af f09fbfbe f09fbfbf f48fbfbe'],
];

/** Invalid sequences, and the number of bytes that prove each invalid. */
const INVALID: readonly (readonly [name: string, digits: string, provedBy: number])[] = [
  ['continuation.80', '80', 1],
  ['continuation.bf', 'bf', 1],
  ['continuation.two', 'c2a0 80', 3],
  ['never.c0', 'c0', 1],
  ['never.c1', 'c1', 1],
  ['never.f5', 'f5', 1],
  ['never.f8', 'f8', 1],
  ['never.fc', 'fc', 1],
  ['never.fe', 'fe', 1],
  ['never.ff', 'ff', 1],
  ['overlong.2', 'c0af', 1],
  ['overlong.2.max', 'c1bf', 1],
  ['overlong.3', 'e080af', 2],
  ['overlong.3.max', 'e09fbf', 2],
  ['overlong.4', 'f08080af', 2],
  ['overlong.4.max', 'f08fbfbf', 2],
  ['overlong.5', 'f8808080af', 1],
  ['overlong.6', 'fc80808080af', 1],
  ['overlong.nul', 'c080', 1],
  ['surrogate.first', 'eda080', 2],
  ['surrogate.high', 'edafbf', 2],
  ['surrogate.low', 'edb080', 2],
  ['surrogate.last', 'edbfbf', 2],
  ['surrogate.pair', 'eda080edb080', 2],
  ['above.110000', 'f4908080', 2],
  ['above.13ffff', 'f4bfbfbf', 2],
  ['above.f5', 'f5808080', 1],
  ['above.f7', 'f7bfbfbf', 1],
  ['above.five', 'f888808080', 1],
  ['above.six', 'fc8480808080', 1],
  ['broken.2', 'c341', 2],
  ['broken.3.1', 'e241a1', 2],
  ['broken.3.2', 'e28241', 3],
  ['broken.4.1', 'f0419880', 2],
  ['broken.4.2', 'f09f4180', 3],
  ['broken.4.3', 'f09f9841', 4],
  ['broken.lead', 'c3c3', 2],
  ['broken.lead.3', 'e282e282ac', 3],
];
/** Incomplete sequences: a message must not end with one. */
const UNFINISHED = ['c3', 'e2', 'e282', 'f0', 'f09f', 'f09f98'];

/** Runs with valid text: whole, byte by byte, and in two fragments at every cut. */
function everyWay(bytes: Buffer): Run[] {
  const cuts = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
  return [
    fine([text(bytes)], [gotText(bytes)], { label: 'whole' }),
    fine([text(bytes)], [gotText(bytes)], { label: 'byte by byte', cutBytes: 1 }),
    fine(
      cuts.flatMap((at) => [text(bytes.subarray(0, at), OPEN), more(bytes.subarray(at))]),
      cuts.map(() => gotText(bytes)),
      { label: 'in two fragments, at every cut' },
    ),
    fine(
      Array.from(bytes, (byte, i) => ({
        opcode: i === 0 ? 1 : 0,
        fin: i === bytes.length - 1,
        payload: Buffer.of(byte),
      })),
      [gotText(bytes)],
      { label: 'a fragment for every byte' },
    ),
  ];
}

const BEFORE = Buffer.from('before ');
const inText = (sequence: Buffer): Buffer =>
  Buffer.concat([BEFORE, sequence, Buffer.from(' behind, and more of it')]);

/** Runs with an invalid sequence: whole, byte by byte, and in two fragments at every cut. */
function everyWrongWay(sequence: Buffer): Run[] {
  const bytes = inText(sequence);
  return [
    fails([text(sequence)], [1007], [], { label: 'alone' }),
    fails([text(bytes)], [1007], [], { label: 'in a text' }),
    fails([text(bytes)], [1007], [], { label: 'byte by byte', cutBytes: 1 }),
    ...Array.from({ length: sequence.length + 1 }, (_, i) => i + BEFORE.length).map((at) =>
      fails([text(bytes.subarray(0, at), OPEN), more(bytes.subarray(at))], [1007], [], {
        label: `in two fragments, cut at ${at - BEFORE.length}`,
      }),
    ),
    fails([text('fine', OPEN), ping('between'), more(sequence)], [1007], [gotPong('between')], {
      label: 'in the second fragment, after a ping',
    }),
  ];
}

/** Runs that hold back all bytes after the byte that proves the sequence invalid. */
function early(sequence: Buffer, provedBy: number): Run[] {
  const bytes = inText(sequence);
  const proved = BEFORE.length + provedBy;
  return [
    fails([text(bytes)], [1007], [], {
      label: 'before the rest of the frame arrives',
      heldBytes: bytes.length - proved,
    }),
    fails([text(bytes.subarray(0, proved), OPEN), more(bytes.subarray(proved))], [1007], [], {
      label: 'before the rest of the message arrives',
      heldBytes: bytes.length - proved + 2,
    }),
  ];
}

/** Cases about UTF-8 in text messages: §5.6, §8.1, RFC 3629. */
export const utf8Cases = (): readonly FrameCase[] => [
  ...VALID.map(([name, digits]) =>
    frames(id(`valid.${name}`), '§5.6', `The peer returns valid text: ${digits}`, everyWay(hex(digits))),
  ),
  ...INVALID.map(([name, digits]) =>
    frames(
      id(`invalid.${name}`),
      '§8.1',
      `Text that is not UTF-8 fails the connection: ${digits}`,
      everyWrongWay(hex(digits)),
    ),
  ),
  ...INVALID.map(([name, digits, provedBy]) =>
    frames(
      id(`early.${name}`),
      '§8.1',
      `Invalid UTF-8 fails the connection at the first byte that proves it: ${digits}`,
      early(hex(digits), provedBy),
    ),
  ),
  frames(
    id('unfinished'),
    '§8.1',
    'A message that ends inside a character fails the connection',
    UNFINISHED.flatMap((digits) => [
      fails([text(hex(digits))], [1007], [], { label: digits }),
      fails([text(hex(digits), OPEN), more('')], [1007], [], { label: `${digits}, then an empty fragment` }),
      fails([text(hex(`41${digits}`)), text(hex('a9'))], [1007], [], {
        label: `${digits}, then a message that would complete the character`,
      }),
    ]),
  ),
  frames(id('long'), '§8.1', 'An invalid byte far inside a long text fails the connection', [
    fails([text(Buffer.concat([Buffer.alloc(60_000, 'é'), hex('ff'), Buffer.alloc(100, 'x')]))], [1007]),
  ]),
  frames(
    id('early.long'),
    '§8.1',
    'An invalid byte far inside a long text fails the connection before the rest arrives',
    [
      fails(
        [text(Buffer.concat([Buffer.alloc(30_000, 'é'), hex('ed'), hex('a0'), Buffer.alloc(30_000, 'x')]))],
        [1007],
        [],
        { label: 'before the rest arrives', heldBytes: 30_000 },
      ),
    ],
  ),
  frames(id('binary'), '§5.6', 'The peer does not check binary messages for UTF-8', [
    ...INVALID.map(([name, digits]) =>
      fine([binary(hex(digits))], [gotBinary(hex(digits))], { label: name }),
    ),
    fine([binary(hex('f0'), OPEN), more(hex('28'))], [gotBinary(hex('f028'))], { label: 'in fragments' }),
  ]),
  frames(id('state'), '§8.1', 'The UTF-8 state of one message does not affect the next', [
    fine(
      [text(hex('ceba')), text(hex('e282'), OPEN), ping('x'), more(hex('ac')), text('a')],
      [gotText(hex('ceba')), gotPong('x'), gotText('€'), gotText('a')],
    ),
  ]),
];
