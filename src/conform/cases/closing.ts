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

const ALLOWED = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
const FREE = [3000, 3001, 3500, 3999, 4000, 4001, 4500, 4999];
/** Never on the wire: an endpoint MUST NOT send them (§7.4.1), and so not send them back. */
const NEVER = [1005, 1006, 1015];
/** The RFC forbids the other codes without a key word (§7.4.1, §7.4.2), so a peer that echoes them is only not strict. */
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

/** The closing handshake: §5.5.1 and §7. */
export const closingCases = (): readonly FrameCase[] => [
  frames(id('answer'), '§5.5.1', 'A Close is answered, and TCP ends', [
    closes([closing(1000)], [1000]),
    closes([closing(1000)], [1000], [], { label: 'byte by byte', cutBytes: 1 }),
    closes([closing(1000, 'good bye')], [1000], [], { label: 'with a reason' }),
    closes([closing(1000, REASON_123)], [1000], [], { label: 'with a reason of 123 bytes' }),
    closes([closing(1000, 'Grüße, κόσμε, 😀')], [1000], [], { label: 'with a reason that is not ASCII' }),
  ]),
  frames(id('empty'), '§5.5.1', 'A Close without a code is answered', [
    closes([closing()], [undefined, 1000]),
    closes([closing()], [undefined, 1000], [], { label: 'byte by byte', cutBytes: 1 }),
  ]),
  frames(id('behind-data'), '§5.5.1', 'Messages sent before a Close are answered before it', [
    closes([text('data'), ping('p'), closing(1000)], [1000], [gotText('data'), gotPong('p')]),
  ]),
  frames(id('nothing-after'), '§5.5.1', 'Frames after a Close are not answered', [
    closes([closing(1000), text('late')], [1000], [], { label: 'text' }),
    closes([closing(1000), ping('late')], [1000], [], { label: 'ping' }),
    closes([closing(1000), closing(1001)], [1000], [], { label: 'another Close' }),
    closes([closing(1000), { opcode: 3 }], [1000], [], { label: 'a reserved opcode' }),
    closes([closing(1000), text(hex('ff'))], [1000], [], { label: 'bad UTF-8' }),
  ]),
  frames(id('unfinished'), '§5.5.1', 'A Close inside a fragmented message is answered', [
    closes([text('a', OPEN), closing(1000)], [1000]),
    closes([text('a', OPEN), closing(1000), more('b')], [1000], [], { label: 'and the rest behind it' }),
  ]),
  ...ALLOWED.map((code) =>
    frames(id(`code.${code}`), '§7.4.1', `A Close with ${code} is answered with the same code`, [
      closes([closing(code)], [code]),
      closes([closing(code, 'reason')], [code], [], { label: 'with a reason' }),
    ]),
  ),
  ...FREE.map((code) =>
    frames(
      id(`code.${code}`),
      '§7.4.2',
      `A Close with ${code}, of libraries or applications, is answered with the same code`,
      [closes([closing(code, 'reason')], [code])],
    ),
  ),
  ...NEVER.map((code) => wrongCode(code, '§7.4.1', 'which must not be on the wire', 'fail')),
  wrongCode(1004, '§7.4.1', 'which is reserved'),
  ...UNUSED.map((code) => wrongCode(code, '§7.4.2', 'which is below all codes')),
  ...UNASSIGNED.map((code) => wrongCode(code, '§7.4.2', 'which means nothing')),
  ...ABOVE.map((code) => wrongCode(code, '§7.4.2', 'which is above all codes')),
  frames(id('body.one-byte'), '§5.5.1', 'A Close with a body of one byte fails the connection', [
    failsCut([closeBody(hex('03'))], [1002]),
    fails([closeBody(hex('00'))], [1002], [], { label: '00' }),
  ]),
  ...['ff', 'c3', 'c328', 'eda080', 'c080', 'f4908080', '41 e282'].map((digits) =>
    frames(
      id(`reason.${digits.replaceAll(' ', '')}`),
      '§5.5.1',
      `A reason that is no UTF-8 fails the connection: ${digits}`,
      [
        fails([closing(1000, hex(digits))], [1007]),
        fails([closing(3000, hex(`c3a9${digits}`))], [1007], [], { label: 'behind text that is right' }),
      ],
    ),
  ),
];
