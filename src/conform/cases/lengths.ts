import type { FrameCase, Run } from '../case.ts';
import {
  ascii,
  binary,
  fails,
  fine,
  frames,
  gotBinary,
  gotPong,
  gotText,
  patterned,
  ping,
  text,
} from '../build.ts';

const KIB = 1024;
/** The limits of each length form, and sizes up to the usual default limit of servers. */
const SIZES = [
  0, 1, 2, 16, 124, 125, 126, 127, 128, 255, 256, 4_096, 65_534, 65_535, 65_536, 65_537, 262_144, 1_048_576,
];
const LARGE = [4_194_304, 16_777_216];
const name = (size: number): string => (size >= 1_048_576 ? `${size / 1_048_576}mib` : String(size));

const sized = (size: number): Run[] => {
  const limitCodes = size > 65_536 ? [1009] : [];
  return [
    fine(() => [text(ascii(size))], [gotText(ascii(size))], { label: 'text', limitCodes }),
    fine(() => [binary(patterned(size))], [gotBinary(patterned(size))], { label: 'binary', limitCodes }),
  ];
};
const FORMS: readonly (readonly [size: number, form: 16 | 64])[] = [
  [0, 16],
  [125, 16],
  [0, 64],
  [125, 64],
  [126, 64],
  [65_535, 64],
];

/** Cases about lengths in 7, 16 and 64 bits (§5.2), and about message sizes. */
export const lengthCases = (): readonly FrameCase[] => [
  ...[...SIZES, ...LARGE].map((size) =>
    frames(
      `lengths.message.${name(size)}`,
      '§5.2',
      `The peer returns messages of ${size.toLocaleString('en')} bytes`,
      sized(size),
    ),
  ),
  ...[125, 126, 65_535, 65_536].map((size) =>
    frames(
      `lengths.cut.${size}`,
      '§5.2',
      `The peer returns a message of ${size.toLocaleString('en')} bytes that arrives in pieces`,
      (size < KIB ? [1, 2, 3, 5] : [997, 2_048, 65_537]).map((cutBytes) =>
        fine([binary(patterned(size))], [gotBinary(patterned(size))], {
          cutBytes,
          label: `${cutBytes} bytes at a time`,
        }),
      ),
    ),
  ),
  frames('lengths.control.125', '§5.5', 'A control frame may hold 125 bytes', [
    fine([ping(patterned(125))], [gotPong(patterned(125))]),
  ]),
  frames(
    'lengths.not-shortest',
    '§5.2',
    'A length that is not in its shortest form fails the connection',
    FORMS.map(([size, lengthForm]) =>
      fails([binary(patterned(size), { lengthForm })], [1002], [], {
        accepted: 'non-strict',
        label: `${size} in ${lengthForm} bits`,
      }),
    ),
  ),
  frames('lengths.sign', '§5.2', 'A length of 64 bits whose highest bit is set fails the connection', [
    ...[2n ** 63n, 2n ** 63n + 5n, 2n ** 64n - 1n].map((announcedLength) =>
      fails([binary('', { lengthForm: 64, announcedLength })], [1002, 1009], [], {
        label: announcedLength.toString(),
      }),
    ),
    fails([text('', { lengthForm: 64, announcedLength: 2n ** 63n })], [1002, 1009], [], {
      label: 'text',
      cutBytes: 1,
    }),
  ]),
];
