import { Buffer } from 'node:buffer';
import type { FrameCase } from '../case.ts';
import {
  closeBody,
  fails,
  failsCut,
  fine,
  fineCut,
  frames,
  gotPong,
  gotText,
  hex,
  more,
  OPEN,
  patterned,
  ping,
  pong,
  text,
} from '../build.ts';

const many = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => Buffer.from(`ping ${i}`));

/** Cases about control frames: §5.5. */
export const controlCases = (): readonly FrameCase[] => [
  frames('control.ping', '§5.5.2', 'The peer answers a ping with its payload', [
    fineCut([ping('Hello')], [gotPong('Hello')]),
    fineCut([ping('')], [gotPong('')]),
    fine([ping(hex('00fffefdfcfb00ff'))], [gotPong(hex('00fffefdfcfb00ff'))], {
      label: 'bytes that are not text',
    }),
    fine([ping(patterned(125))], [gotPong(patterned(125))], { label: '125 bytes' }),
    fine([ping(patterned(125))], [gotPong(patterned(125))], {
      label: '125 bytes, byte by byte',
      cutBytes: 1,
    }),
  ]),
  frames('control.ping.order', '§5.5.2', 'The peer answers a ping before later data', [
    fineCut([ping('first'), text('second')], [gotPong('first'), gotText('second')]),
  ]),
  frames('control.ping.many', '§5.5.3', 'The peer answers at least the newest of ten pings in a row', [
    fine(
      many(10).map((payload) => ping(payload)),
      many(10).map((payload) => gotPong(payload)),
      { label: 'in one packet' },
    ),
    fine(
      many(10).map((payload) => ping(payload)),
      many(10).map((payload) => gotPong(payload)),
      { label: 'byte by byte', cutBytes: 1 },
    ),
  ]),
  frames('control.pong.unasked', '§5.5.3', 'The peer ignores an unsolicited pong', [
    fineCut([pong(''), ping('a')], [gotPong('a')]),
    fineCut([pong('unasked'), ping('a'), pong('b'), pong('c')], [gotPong('a')]),
    fine([pong(patterned(125)), text('on')], [gotText('on')], { label: '125 bytes' }),
  ]),
  ...(
    [
      ['ping', 9],
      ['pong', 10],
      ['close', 8],
    ] as const
  ).flatMap(([name, opcode]) => [
    frames(`control.fragmented.${name}`, '§5.5', `A fragmented control frame fails the connection: ${name}`, [
      failsCut([text('fine'), { opcode, fin: false, payload: hex('03e8') }], [1002], [gotText('fine')]),
      fails([{ opcode, fin: false, payload: hex('03e8') }, more('b')], [1002], [], {
        label: 'with a continuation',
      }),
      fails([text('a', OPEN), { opcode, fin: false }, more('b')], [1002], [], { label: 'in a message' }),
    ]),
    frames(
      `control.long.${name}`,
      '§5.5',
      `A control frame of more than 125 bytes fails the connection: ${name}`,
      [
        ...[126, 127, 65_536].map((size) =>
          fails(
            [{ opcode, payload: Buffer.concat([hex('03e8'), Buffer.alloc(size - 2, 'x')]) }],
            [1002],
            [],
            { label: `${size} bytes` },
          ),
        ),
        fails([{ opcode, payload: Buffer.concat([hex('03e8'), Buffer.alloc(124, 'x')]) }], [1002], [], {
          label: 'before its payload arrives',
          heldBytes: 120,
        }),
      ],
    ),
  ]),
  frames('control.ping.closing', '§5.5.1', 'The peer answers neither pings nor messages after a Close', [
    {
      label: '',
      send: [ping('a'), closeBody(hex('03e8')), ping('b'), text('c')],
      cutBytes: Infinity,
      heldBytes: 0,
      limitCodes: [],
      answers: [gotPong('a')],
      end: { by: 'close', codes: [1000] },
    },
  ]),
];
