import { Buffer } from 'node:buffer';
import type { FrameCase, RequestCase, Run } from '../case.ts';
import {
  ascii,
  binary,
  fails,
  fine,
  frames,
  gotBinary,
  gotPong,
  gotText,
  hex,
  more,
  OPEN,
  patterned,
  ping,
  text,
} from '../build.ts';
import { compressed, compressedTwice, type Compression, type Negotiated } from '../deflate-codec.ts';
import type { FrameSpec } from '../model.ts';
import { pieces } from './fragmentation.ts';

const PLAIN = 'permessage-deflate';
const id = (name: string): string => `deflate.${name}`;
const RSV1 = Object.freeze({ rsv1: true });
const JSON_LIKE = Buffer.from(
  JSON.stringify(Array.from({ length: 60 }, (_, i) => ({ id: i, name: `name ${i % 7}`, on: true }))),
);

/** A window that both sides may use. */
const commonWindow = ({ serverMaxWindowBits, clientMaxWindowBits }: Negotiated): number =>
  Math.min(serverMaxWindowBits, clientMaxWindowBits);
const packed =
  (opcode: 1 | 2, message: Uint8Array, how?: Compression) =>
  (negotiated: Negotiated): FrameSpec => ({
    opcode,
    payload: compressed(message, commonWindow(negotiated), how),
    rsv1: true,
  });
const fixed = (digits: string, extra: Partial<Run> = {}): Run =>
  fine([text(hex(digits), RSV1)], [gotText('Hello')], { offer: PLAIN, ...extra });

/** The same message twice, to use context takeover, with an uncompressed message in between. */
const exchange = (offer: string): Run =>
  fine(
    (negotiated) => [
      packed(1, JSON_LIKE)(negotiated),
      packed(1, JSON_LIKE)(negotiated),
      text('not compressed'),
      packed(2, patterned(3_000))(negotiated),
      packed(1, JSON_LIKE)(negotiated),
    ],
    [
      gotText(JSON_LIKE),
      gotText(JSON_LIKE),
      gotText('not compressed'),
      gotBinary(patterned(3_000)),
      gotText(JSON_LIKE),
    ],
    { offer, label: offer },
  );
const BITS = [undefined, '8', '9', '10', '11', '12', '13', '14', '15'];
function offers(serverBits: string | undefined, clientBitsList: readonly (string | undefined)[]): string[] {
  const list: string[] = [];
  for (const serverTakeover of [true, false]) {
    for (const clientTakeover of [true, false]) {
      for (const clientBits of clientBitsList) {
        list.push(
          [
            PLAIN,
            ...(serverTakeover ? [] : ['server_no_context_takeover']),
            ...(clientTakeover ? [] : ['client_no_context_takeover']),
            ...(serverBits === undefined ? [] : [`server_max_window_bits=${serverBits}`]),
            ...(clientBits === undefined
              ? []
              : [`client_max_window_bits${clientBits === '' ? '' : `=${clientBits}`}`]),
          ].join('; '),
        );
      }
    }
  }
  return list;
}
const SIZES = [0, 1, 125, 126, 1_023, 1_024, 65_535, 65_536, 262_144];

/** Cases about compressed messages: RFC 7692 §7.2. They are informational for a peer that declines the extension. */
export const deflateCases = (): readonly FrameCase[] => [
  frames(id('example'), 'RFC 7692 §7.2.3.1', 'The peer inflates the example of the RFC', [
    fixed('f248cdc9c90700'),
    fixed('f248cdc9c90700', { cutBytes: 1, label: 'byte by byte' }),
    fine([text(hex('f248cd'), { ...RSV1, ...OPEN }), more(hex('c9c90700'))], [gotText('Hello')], {
      offer: PLAIN,
      label: 'in two fragments',
    }),
  ]),
  frames(id('takeover'), 'RFC 7692 §7.2.3.2', 'A message may refer to the previous one', [
    fine(
      ({ clientNoContextTakeover, serverNoContextTakeover }) => [
        text(hex('f248cdc9c90700'), RSV1),
        text(hex(clientNoContextTakeover || serverNoContextTakeover ? 'f248cdc9c90700' : 'f200110000'), RSV1),
      ],
      [gotText('Hello'), gotText('Hello')],
      { offer: PLAIN },
    ),
    fine(
      (negotiated) => {
        const fresh = negotiated.clientNoContextTakeover || negotiated.serverNoContextTakeover;
        const [one, two] = compressedTwice(JSON_LIKE, commonWindow(negotiated));
        return [text(one, RSV1), text(fresh ? one : two, RSV1)];
      },
      [gotText(JSON_LIKE), gotText(JSON_LIKE)],
      { offer: PLAIN, label: 'of 2 KiB' },
    ),
  ]),
  frames(id('stored'), 'RFC 7692 §7.2.3.3', 'The peer accepts stored blocks', [
    fixed('000500faff48656c6c6f00'),
    fine(
      (negotiated) => [packed(2, patterned(100_000), 'stored')(negotiated)],
      [gotBinary(patterned(100_000))],
      { offer: PLAIN, label: '100,000 bytes' },
    ),
  ]),
  frames(id('final-block'), 'RFC 7692 §7.2.3.4', 'The peer accepts a block with BFINAL', [
    fixed('f348cdc9c9070000'),
    fine(
      (negotiated) => [packed(1, JSON_LIKE, 'final')(negotiated), packed(1, JSON_LIKE)(negotiated)],
      [gotText(JSON_LIKE), gotText(JSON_LIKE)],
      { offer: PLAIN, label: 'with a message after it' },
    ),
  ]),
  frames(id('two-blocks'), 'RFC 7692 §7.2.3.5', 'The peer accepts several blocks in one message', [
    fixed('f248050000 00ffffcac9c90700'.replaceAll(' ', '')),
  ]),
  frames(id('empty'), 'RFC 7692 §7.2.3.6', 'The peer accepts a compressed empty message', [
    fine([text(hex('00'), RSV1), binary(hex('00'), RSV1)], [gotText(''), gotBinary('')], { offer: PLAIN }),
    fine([text('', { ...RSV1, ...OPEN }), more(hex('00'))], [gotText('')], {
      offer: PLAIN,
      label: 'in fragments',
    }),
  ]),
  frames(
    id('plain-between'),
    'RFC 7692 §6',
    'The peer accepts uncompressed messages between compressed ones',
    [
      fine(
        [text('a'), text(hex('f248cdc9c90700'), RSV1), binary('b'), text('', OPEN), more('c')],
        [gotText('a'), gotText('Hello'), gotBinary('b'), gotText('c')],
        { offer: PLAIN },
      ),
    ],
  ),
  frames(
    id('ping-between'),
    'RFC 7692 §6.1',
    'The peer accepts control frames between compressed fragments',
    [
      fine(
        [text(hex('f248'), { ...RSV1, ...OPEN }), ping('p'), more(hex('cdc9'), OPEN), more(hex('c90700'))],
        [gotPong('p'), gotText('Hello')],
        { offer: PLAIN },
      ),
    ],
  ),
  ...BITS.map((bits) =>
    frames(
      id(`window.${bits ?? 'free'}`),
      'RFC 7692 §7.1',
      bits === undefined
        ? 'Compression works after every offer without server_max_window_bits'
        : `Compression works after every offer with server_max_window_bits=${bits}`,
      offers(bits, [undefined, '', ...BITS.slice(2)]).map(exchange),
    ),
  ),
  // A separate case: zlib cannot compress with a window of 8 bits, and some peers do not handle that.
  frames(
    id('window.client-8'),
    'RFC 7692 §7.1.2.2',
    'Compression works after every offer with client_max_window_bits=8',
    [undefined, ...BITS.slice(2)].flatMap((bits) => offers(bits, ['8']).map(exchange)),
  ),
  ...SIZES.map((size) =>
    frames(
      id(`size.${size}`),
      'RFC 7692 §7.2',
      `The peer returns compressed messages of ${size.toLocaleString('en')} bytes`,
      [
        fine((negotiated) => [packed(1, ascii(size))(negotiated)], [gotText(ascii(size))], {
          offer: PLAIN,
          label: 'text',
        }),
        fine(
          (negotiated) => [packed(2, patterned(size), 'no matches')(negotiated)],
          [gotBinary(patterned(size))],
          { offer: PLAIN, label: 'binary, without matches' },
        ),
        ...[64, 1_000].map((piece) =>
          fine(
            (negotiated) =>
              pieces(1, compressed(ascii(size), commonWindow(negotiated)), piece).map((spec, i) =>
                i === 0 ? { ...spec, rsv1: true } : spec,
              ),
            [gotText(ascii(size))],
            { offer: PLAIN, label: `in fragments of ${piece} bytes` },
          ),
        ),
      ],
    ),
  ),
  frames(id('rsv1.continuation'), 'RFC 7692 §6.1', 'RSV1 on a continuation fails the connection', [
    fails([text(hex('f248cd'), { ...RSV1, ...OPEN }), more(hex('c9c90700'), RSV1)], [1002], [], {
      offer: PLAIN,
    }),
    fails([text('a', OPEN), more('b', RSV1)], [1002], [], {
      offer: PLAIN,
      label: 'of an uncompressed message',
    }),
  ]),
  frames(id('rsv1.control'), 'RFC 7692 §6.1', 'RSV1 on a control frame fails the connection', [
    fails([ping('p', RSV1)], [1002], [], { offer: PLAIN, label: 'ping' }),
    fails([{ opcode: 10, ...RSV1 }], [1002], [], { offer: PLAIN, label: 'pong' }),
    fails([{ opcode: 8, payload: hex('03e8'), ...RSV1 }], [1002], [], { offer: PLAIN, label: 'Close' }),
  ]),
  frames(id('rsv2'), '§5.2', 'The other reserved bits still fail the connection', [
    fails([text(hex('f248cdc9c90700'), { ...RSV1, rsv2: true })], [1002], [], {
      offer: PLAIN,
      label: 'RSV2',
    }),
    fails([text('a', { rsv3: true })], [1002], [], { offer: PLAIN, label: 'RSV3' }),
  ]),
  frames(
    id('garbage'),
    'RFC 7692 §7.2.2',
    'Data that cannot be inflated fails the connection',
    ['ffffffff', '07', '0601', '000500faf048656c6c6f00'].map((digits) =>
      fails([text(hex(digits), RSV1)], [1007, 1002], [], { offer: PLAIN, label: digits }),
    ),
  ),
  frames(id('truncated'), 'RFC 7692 §7.2.2', 'Data that ends inside a block fails the connection', [
    fails([text(hex('f248cd'), RSV1)], [1007, 1002], [], { offer: PLAIN, accepted: 'informational' }),
  ]),
  frames(
    id('utf8'),
    '§8.1',
    'Text that inflates to invalid UTF-8 fails the connection',
    ['ff', 'eda080', 'c3', 'f09f98'].map((digits) =>
      fails((negotiated) => [packed(1, hex(`41${digits}`))(negotiated)], [1007], [], {
        offer: PLAIN,
        label: digits,
      }),
    ),
  ),
];

const MIB = 1_048_576;
/** Compression bombs: 64 KiB that inflate to 64 MiB. */
export const deflateAttacks = (): readonly FrameCase[] => [
  frames('attack.bomb', '§10.4', '64 KiB that inflate to 64 MiB exceed a limit', [
    fails((negotiated) => [packed(2, Buffer.alloc(64 * MIB))(negotiated)], [1009, 1008], [], {
      offer: PLAIN,
      accepted: 'non-strict',
    }),
  ]),
  frames('attack.bomb.fragments', '§10.4', '64 KiB in fragments that inflate to 64 MiB exceed a limit', [
    fails(
      (negotiated) =>
        pieces(2, compressed(Buffer.alloc(64 * MIB), commonWindow(negotiated)), 1_000).map((spec, i) =>
          i === 0 ? { ...spec, rsv1: true } : spec,
        ),
      [1009, 1008],
      [],
      { offer: PLAIN, accepted: 'non-strict' },
    ),
  ]),
];

const BAD_OFFERS = [
  'unknown_parameter',
  'server_no_context_takeover=1',
  'client_no_context_takeover=0',
  'server_no_context_takeover; server_no_context_takeover',
  'server_max_window_bits',
  ...['7', '16', '0', '1000', '08', 'x', '-1'].map((bits) => `server_max_window_bits=${bits}`),
  ...['7', '16', '0', '1000', '08', 'x', '-1'].map((bits) => `client_max_window_bits=${bits}`),
  'server_max_window_bits=10; server_max_window_bits=10',
  'client_max_window_bits; client_max_window_bits=10',
];

export const deflateOffers = (): readonly RequestCase[] => [
  {
    kind: 'request',
    id: id('offer.bad'),
    section: 'RFC 7692 §7.1',
    title: 'The server declines an offer with an unknown, repeated or out-of-range parameter',
    runs: BAD_OFFERS.map((params) => ({
      label: params,
      fields: { 'Sec-WebSocket-Extensions': `${PLAIN}; ${params}` },
      expects: { status: 101, refused: 'pass', declines: true },
    })),
  },
  {
    kind: 'request',
    id: id('offer.fallback'),
    section: 'RFC 7692 §5',
    title: 'The server may accept one valid offer next to invalid or unknown ones',
    runs: [
      `${PLAIN}; unknown_parameter, ${PLAIN}`,
      `x-unknown, ${PLAIN}; server_max_window_bits=10, ${PLAIN}`,
      `${PLAIN}; client_max_window_bits="12"`,
    ].map((value) => ({
      label: value,
      fields: { 'Sec-WebSocket-Extensions': value },
      expects: { status: 101, refused: 'non-strict' },
    })),
  },
];
