import { Buffer } from 'node:buffer';
import type { FrameCase } from '../case.ts';
import {
  ascii,
  binary,
  fails,
  fine,
  frames,
  gotBinary,
  gotPong,
  gotText,
  more,
  OPEN,
  ping,
  text,
} from '../build.ts';

const header = (announcedLength: number | bigint) => binary('', { lengthForm: 64, announcedLength });
/** Close codes of a peer whose limit was exceeded. */
const TOO_MUCH = [1009, 1008];
const MIB = 1_048_576;

/** Cases about limits, which a peer should have (§10.4). */
export const limitCases = (): readonly FrameCase[] => [
  frames('limits.announced', '§10.4', 'The peer refuses a frame with an impossible length at its header', [
    ...[2n ** 63n - 1n, 2n ** 53n, 2n ** 48n].map((length) =>
      fails([header(length)], TOO_MUCH, [], { accepted: 'informational', label: `${length} bytes` }),
    ),
    fails([text('', { lengthForm: 64, announcedLength: 2n ** 62n })], TOO_MUCH, [], {
      accepted: 'informational',
      label: 'text',
    }),
    fails([text('a', OPEN), more('', { lengthForm: 64, announcedLength: 2n ** 62n })], TOO_MUCH, [], {
      accepted: 'informational',
      label: 'a continuation',
    }),
  ]),
  frames('limits.sum', '§10.4', 'The size limit applies to all fragments of a message together', [
    fine(
      () => [
        binary(Buffer.alloc(2 * MIB), OPEN),
        more(Buffer.alloc(2 * MIB), OPEN),
        more(Buffer.alloc(2 * MIB)),
      ],
      [gotBinary(Buffer.alloc(6 * MIB))],
      { limitCodes: TOO_MUCH },
    ),
  ]),
  frames('limits.after-large', '§5.4', 'The peer returns a small message after a large one', [
    fine(
      () => [text(ascii(MIB)), text('small'), ping('p')],
      [gotText(ascii(MIB)), gotText('small'), gotPong('p')],
      { limitCodes: TOO_MUCH },
    ),
  ]),
];

const tiny = (count: number, payload: string) => [
  text(payload, OPEN),
  ...Array.from({ length: count - 2 }, () => more(payload, OPEN)),
  more(payload),
];

/** Floods, bounded in number and size: safe for a server in use, with the consent of its owner. */
export const limitAttacks = (): readonly FrameCase[] => [
  frames(
    'attack.fragments.empty',
    '§10.4',
    'The peer accepts 20,000 empty fragments, or closes over a limit',
    [fine(() => tiny(20_000, ''), [gotText('')], { limitCodes: TOO_MUCH })],
  ),
  frames(
    'attack.fragments.one-byte',
    '§10.4',
    'The peer accepts 20,000 fragments of one byte, or closes over a limit',
    [fine(() => tiny(20_000, 'x'), [gotText('x'.repeat(20_000))], { limitCodes: TOO_MUCH })],
  ),
  frames(
    'attack.pings',
    '§5.5.3',
    'The connection stays usable after a thousand pings at once, or the peer closes over a limit',
    [
      fine(
        () => Array.from({ length: 1_000 }, (_, i) => ping(`ping ${i}`)),
        Array.from({ length: 1_000 }, (_, i) => gotPong(`ping ${i}`)),
        { limitCodes: [1008] },
      ),
    ],
  ),
  frames(
    'attack.pongs',
    '§5.5.3',
    'The connection stays usable after a thousand unsolicited pongs, or the peer closes over a limit',
    [
      fine(
        () => [...Array.from({ length: 1_000 }, () => ({ opcode: 10, payload: 'x' })), ping('after')],
        [gotPong('after')],
        { limitCodes: [1008] },
      ),
    ],
  ),
  frames('attack.small-messages', '§5.4', 'The peer returns each of a thousand messages of one byte', [
    fine(
      () => Array.from({ length: 1_000 }, () => text('x')),
      Array.from({ length: 1_000 }, () => gotText('x')),
      { limitCodes: [1008] },
    ),
  ]),
  frames('attack.noise', '§10.7', 'Random bytes instead of frames fail the connection', [
    fails(
      [
        {
          opcode: 15,
          rsv1: true,
          rsv2: true,
          rsv3: true,
          wrongMask: true,
          payload: Buffer.alloc(1_000, 0xff),
        },
      ],
      [1002],
      [],
      { label: 'ff' },
    ),
    fails([{ opcode: 7, rsv1: true, fin: false, payload: 'ET / HTTP/1.1\r\nHost: x\r\n\r\n' }], [1002], [], {
      label: 'a request',
    }),
  ]),
];
