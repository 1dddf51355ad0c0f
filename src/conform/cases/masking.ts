import type { FrameCase } from '../case.ts';
import {
  binary,
  closeBody,
  fails,
  failsCut,
  fine,
  frames,
  gotBinary,
  gotText,
  hex,
  more,
  OPEN,
  patterned,
  ping,
  pong,
  text,
} from '../build.ts';

const KEYS = ['00000000', 'ffffffff', '00ff00ff', '01020304', '80000000', '00000001', '7fffffff', '37fa213d'];
const LONG = patterned(1_023);

/** Cases about masking: §5.1 and §5.3. */
export const maskingCases = (): readonly FrameCase[] => [
  frames(
    'masking.keys',
    '§5.3',
    'The server unmasks with every key',
    [
      ...KEYS.map((key) =>
        fine(
          [binary(LONG, { key: hex(key) }), text('Hello', { key: hex(key) })],
          [gotBinary(LONG), gotText('Hello')],
          { label: key },
        ),
      ),
      fine(
        KEYS.map((key) => text(key, { key: hex(key) })),
        KEYS.map((key) => gotText(key)),
        { label: 'all keys on one connection' },
      ),
    ],
    { only: 'server' },
  ),
  frames(
    'masking.cuts',
    '§5.3',
    'Unmasking continues across packets at every cut',
    [1, 2, 3, 5, 7].map((cutBytes) =>
      fine([binary(LONG.subarray(0, 101))], [gotBinary(LONG.subarray(0, 101))], {
        cutBytes,
        label: `${cutBytes} bytes at a time`,
      }),
    ),
    { only: 'server' },
  ),
  frames(
    'masking.lengths',
    '§5.3',
    'The server unmasks payloads of every length',
    [
      fine(
        Array.from({ length: 40 }, (_, size) => binary(LONG.subarray(0, size))),
        Array.from({ length: 40 }, (_, size) => gotBinary(LONG.subarray(0, size))),
      ),
    ],
    { only: 'server' },
  ),
  ...(
    [
      ['text', text('Hello', { wrongMask: true })],
      ['binary', binary('Hello', { wrongMask: true })],
      ['empty', text('', { wrongMask: true })],
      ['ping', ping('Hello', { wrongMask: true })],
      ['pong', pong('Hello', { wrongMask: true })],
      ['close', closeBody(hex('03e8'), { wrongMask: true })],
    ] as const
  ).map(([name, spec]) =>
    frames(
      `masking.wrong.${name}`,
      '§5.1',
      `A frame that is masked the wrong way fails the connection: ${name}`,
      [failsCut([text('fine'), spec], [1002], [gotText('fine')])],
    ),
  ),
  frames(
    'masking.wrong.continuation',
    '§5.1',
    'A continuation that is masked the wrong way fails the connection',
    [fails([text('a', OPEN), more('b', { wrongMask: true })], [1002])],
  ),
  frames(
    'masking.wrong.early',
    '§5.1',
    'A frame that is masked the wrong way fails the connection before its payload arrives',
    [fails([binary(patterned(100), { wrongMask: true })], [1002], [], { heldBytes: 90 })],
  ),
];
