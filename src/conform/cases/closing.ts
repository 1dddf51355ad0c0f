import { Buffer } from 'node:buffer';
import type { FrameCase } from '../case.ts';
import type { Verdict } from '../model.ts';
import {
  closeBody,
  closes,
  closing,
  fails,
  failsCut,
  frames,
  gotPong,
  gotText,
  hex,
  more,
  OPEN,
  ping,
  text,
} from '../build.ts';

const STANDARD = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
const REGISTERED_OR_PRIVATE = [3000, 3001, 3500, 3999, 4000, 4001, 4500, 4999];
/** An endpoint MUST NOT send these codes (§7.4.1), so it must not echo them. */
const NEVER = [1005, 1006, 1015];
/** The RFC forbids these codes without a key word (§7.4.1, §7.4.2), so a peer that echoes them is non-strict. */
const UNUSED = [0, 1, 2, 100, 255, 256, 500, 998, 999];
const UNASSIGNED = [1016, 1017, 1100, 1500, 1999, 2000, 2001, 2500, 2998, 2999];
const ABOVE = [5000, 5001, 6000, 9999, 10_000, 32_767, 32_768, 65_534, 65_535];
const REASON_123 = Buffer.from('r'.repeat(123));

const id = (name: string): string => `close.${name}`;
const wrongCode = (code: number, section: string, why: string, accepted: Verdict = 'non-strict'): FrameCase =>
  frames(id(`code.${code}`), section, `A Close with ${code}, ${why}, fails the connection`, [
    fails([closing(code)], [1002], [], { accepted }),
    fails([closing(code, 'reason')], [1002], [], { accepted, label: 'with a reason' }),
  ]);

/** Cases about the closing handshake: §5.5.1 and §7. */
export const closingCases = (): readonly FrameCase[] => [
  frames(id('answer'), '§5.5.1', 'The peer answers a Close, and TCP ends', [
    closes([closing(1000)], [1000]),
    closes([closing(1000)], [1000], [], { label: 'byte by byte', cutBytes: 1 }),
    closes([closing(1000, 'good bye')], [1000], [], { label: 'with a reason' }),
    closes([closing(1000, REASON_123)], [1000], [], { label: 'with a reason of 123 bytes' }),
    closes([closing(1000, 'Grüße, κόσμε, 😀')], [1000], [], { label: 'with a reason that is not ASCII' }),
  ]),
  frames(id('empty'), '§5.5.1', 'The peer answers a Close without a code', [
    closes([closing()], [undefined, 1000]),
    closes([closing()], [undefined, 1000], [], { label: 'byte by byte', cutBytes: 1 }),
  ]),
  frames(id('behind-data'), '§5.5.1', 'The peer answers messages before the Close that follows them', [
    closes([text('data'), ping('p'), closing(1000)], [1000], [gotText('data'), gotPong('p')]),
  ]),
  frames(id('nothing-after'), '§5.5.1', 'The peer does not answer frames after a Close', [
    closes([closing(1000), text('late')], [1000], [], { label: 'text' }),
    closes([closing(1000), ping('late')], [1000], [], { label: 'ping' }),
    closes([closing(1000), closing(1001)], [1000], [], { label: 'another Close' }),
    closes([closing(1000), { opcode: 3 }], [1000], [], { label: 'a reserved opcode' }),
    closes([closing(1000), text(hex('ff'))], [1000], [], { label: 'bad UTF-8' }),
  ]),
  frames(id('unfinished'), '§5.5.1', 'The peer answers a Close inside a fragmented message', [
    closes([text('a', OPEN), closing(1000)], [1000]),
    closes([text('a', OPEN), closing(1000), more('b')], [1000], [], {
      label: 'with the rest of the message after it',
    }),
  ]),
  ...STANDARD.map((code) =>
    frames(id(`code.${code}`), '§7.4.1', `The peer answers a Close with ${code} with the same code`, [
      closes([closing(code)], [code]),
      closes([closing(code, 'reason')], [code], [], { label: 'with a reason' }),
    ]),
  ),
  ...REGISTERED_OR_PRIVATE.map((code) =>
    frames(
      id(`code.${code}`),
      '§7.4.2',
      `The peer answers a Close with ${code}, a code for libraries and applications, with the same code`,
      [closes([closing(code, 'reason')], [code])],
    ),
  ),
  ...NEVER.map((code) => wrongCode(code, '§7.4.1', 'which must not be on the wire', 'fail')),
  wrongCode(1004, '§7.4.1', 'which is reserved'),
  ...UNUSED.map((code) => wrongCode(code, '§7.4.2', 'which is below the valid range')),
  ...UNASSIGNED.map((code) => wrongCode(code, '§7.4.2', 'which is unassigned')),
  ...ABOVE.map((code) => wrongCode(code, '§7.4.2', 'which is above the valid range')),
  frames(id('body.one-byte'), '§5.5.1', 'A Close with a body of one byte fails the connection', [
    failsCut([closeBody(hex('03'))], [1002]),
    fails([closeBody(hex('00'))], [1002], [], { label: '00' }),
  ]),
  ...['ff', 'c3', 'c328', 'eda080', 'c080', 'f4908080', '41 e282'].map((digits) =>
    frames(
      id(`reason.${digits.replaceAll(' ', '')}`),
      '§5.5.1',
      `A reason that is not UTF-8 fails the connection: ${digits}`,
      [
        fails([closing(1000, hex(digits))], [1007]),
        fails([closing(3000, hex(`c3a9${digits}`))], [1007], [], { label: 'after valid text' }),
      ],
    ),
  ),
];
