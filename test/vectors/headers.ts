import { binary, continuation, frame, ping, text } from '../../src/testing/frames.ts';
import { fails, type Mask, type Row } from './row.ts';

const filled = (length: number): Buffer => Buffer.alloc(length, 0x61);
const reserved = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
const known = [0, 1, 2, 8, 9, 10];

const lengths: Row[] = [0, 1, 2, 31, 32, 125, 126, 127, 128, 255, 256, 65_535, 65_536, 65_537].flatMap(
  (length) => [
    {
      rule: `FP-02 text of ${length} bytes`,
      wire: (mask: Mask) => [text(filled(length), { mask }), ping('x', { mask })],
      lines: [`text "${'a'.repeat(length)}"`, '> pong 78', 'ping 78'],
    },
    {
      rule: `FP-02 binary of ${length} bytes`,
      wire: (mask: Mask) => [binary(filled(length), { mask }), binary('x', { mask })],
      lines: [`binary ${'61'.repeat(length)}`.trimEnd(), 'binary 78'],
    },
  ],
);

const tooBig: Row[] = [
  { announcedLength: 1_001, lengthForm: 16, header: 4 } as const,
  { announcedLength: 65_535, lengthForm: 16, header: 4 } as const,
  { announcedLength: 65_536n, lengthForm: 64, header: 10 } as const,
  { announcedLength: 2n ** 32n, lengthForm: 64, header: 10 } as const,
  { announcedLength: 2n ** 53n - 1n, lengthForm: 64, header: 10 } as const,
  { announcedLength: 2n ** 53n, lengthForm: 64, header: 10 } as const,
  { announcedLength: 2n ** 53n + 1n, lengthForm: 64, header: 10 } as const,
  { announcedLength: 2n ** 63n - 1n, lengthForm: 64, header: 10 } as const,
].map(({ announcedLength, lengthForm, header }) => ({
  rule: `FP-07 SE-13 announced ${announcedLength} bytes over a limit of 1000: 1009 before any payload`,
  wire: (mask) => [frame({ opcode: 2, mask, announcedLength, lengthForm, payload: 'begin' })],
  lines: fails('ERR_MESSAGE_TOO_BIG'),
  provedBy: { header },
  limits: { maxMessageBytes: 1_000 },
}));

const sign: Row[] = [2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 1n].map((announcedLength) => ({
  rule: `FP-06 SE-13 announced ${announcedLength} bytes: the top bit is set`,
  wire: (mask) => [frame({ opcode: 2, mask, announcedLength, lengthForm: 64 })],
  lines: fails('ERR_LENGTH_SIGN'),
  provedBy: { header: 3 },
}));

const longForms: Row[] = [
  ...[0, 1, 125].map((length) => ({ length, lengthForm: 16, header: 4 }) as const),
  ...[0, 1, 125, 126, 65_535].map((length) => ({ length, lengthForm: 64, header: 8 }) as const),
].flatMap(({ length, lengthForm, header }) =>
  [1, 2].map((opcode) => ({
    rule: `FP-06 SE-13 ${length} bytes written in ${lengthForm} bits, opcode ${opcode}`,
    wire: (mask) => [frame({ opcode, mask, lengthForm, payload: filled(length) })],
    lines: fails('ERR_LENGTH_ENCODING'),
    provedBy: { header },
  })),
);

const rsv: Row[] = known.flatMap((opcode) =>
  (['rsv1', 'rsv2', 'rsv3'] as const).map((bit) => ({
    rule: `FP-04 ${bit} on opcode ${opcode}`,
    wire: (mask) => [frame({ opcode, mask, [bit]: true })],
    lines: fails('ERR_RSV'),
    provedBy: { header: 1 },
  })),
);

const opcodes: Row[] = reserved.flatMap((opcode) =>
  [true, false].map((fin) => ({
    rule: `FP-04 §5.2 reserved opcode ${opcode}, ${fin ? 'final' : 'not final'}`,
    wire: (mask) => [text('before', { mask }), frame({ opcode, fin, mask })],
    lines: ['text "before"', ...fails('ERR_OPCODE')],
    provedBy: { header: 1 },
  })),
);

const controls: Row[] = [8, 9, 10].flatMap((opcode) => [
  {
    rule: `FP-09 SE-16 control frame ${opcode} with FIN 0`,
    wire: (mask) => [frame({ opcode, fin: false, mask })],
    lines: fails('ERR_CONTROL_FRAGMENTED'),
    provedBy: { header: 1 },
  },
  ...([126, 65_536] as const).map((length) => ({
    rule: `FP-09 SE-16 control frame ${opcode} of ${length} bytes`,
    wire: (mask: Mask) => [frame({ opcode, mask, payload: filled(length) })],
    lines: fails('ERR_CONTROL_TOO_LONG'),
    provedBy: { header: 2 },
  })),
  {
    rule: `FP-09 control frame ${opcode} with a short length in 16 bits`,
    wire: (mask) => [frame({ opcode, mask, lengthForm: 16 })],
    lines: fails('ERR_CONTROL_TOO_LONG'),
    provedBy: { header: 2 },
  },
]);

/** Two faults in one frame: the one that fewer bytes prove is reported, then the order of FP-03. */
const order: Row[] = [
  {
    rule: 'FP-03 RSV before opcode',
    wire: (mask) => [frame({ opcode: 3, rsv2: true, mask })],
    lines: fails('ERR_RSV'),
    provedBy: { header: 1 },
  },
  {
    rule: 'FP-03 opcode before FIN of control frames',
    wire: (mask) => [frame({ opcode: 11, fin: false, mask })],
    lines: fails('ERR_OPCODE'),
    provedBy: { header: 1 },
  },
  {
    rule: 'FP-03 FIN of control frames before their length',
    wire: (mask) => [frame({ opcode: 9, fin: false, mask, payload: filled(126) })],
    lines: fails('ERR_CONTROL_FRAGMENTED'),
    provedBy: { header: 1 },
  },
  {
    rule: 'FP-03 the first byte proves a stray continuation, before the second proves a wrong mask',
    wire: (mask) => [continuation('x', { mask: mask === false ? filled(4) : false })],
    lines: fails('ERR_CONTINUATION'),
    provedBy: { header: 1 },
  },
  {
    rule: 'FP-03 the sign of a length before the limit',
    wire: (mask) => [frame({ opcode: 2, mask, lengthForm: 64, announcedLength: 2n ** 63n })],
    lines: fails('ERR_LENGTH_SIGN'),
    provedBy: { header: 3 },
    limits: { maxMessageBytes: 10 },
  },
  {
    rule: 'FP-03 the form of a length before the limit',
    wire: (mask) => [frame({ opcode: 2, mask, lengthForm: 16, payload: filled(20) })],
    lines: fails('ERR_LENGTH_ENCODING'),
    provedBy: { header: 4 },
    limits: { maxMessageBytes: 10 },
  },
];

const limits: Row[] = [
  {
    rule: 'FP-08 a frame of exactly maxFrameBytes',
    wire: (mask) => [binary(filled(200), { mask })],
    lines: [`binary ${'61'.repeat(200)}`],
    limits: { maxFrameBytes: 200 },
  },
  {
    rule: 'FP-08 a frame of maxFrameBytes + 1',
    wire: (mask) => [binary(filled(201), { mask })],
    lines: fails('ERR_FRAME_TOO_BIG'),
    provedBy: { header: 4 },
    limits: { maxFrameBytes: 200 },
  },
  {
    rule: 'FP-08 frames of maxFrameBytes make a message of more',
    wire: (mask) => [binary(filled(9), { mask, fin: false }), continuation(filled(9), { mask })],
    lines: [`binary ${'61'.repeat(18)}`],
    limits: { maxFrameBytes: 9 },
  },
  {
    rule: 'FP-08 limits for data do not touch control frames',
    wire: (mask) => [ping(filled(125), { mask }), text('', { mask })],
    lines: [`> pong ${'61'.repeat(125)}`, `ping ${'61'.repeat(125)}`, 'text ""'],
    limits: { maxFrameBytes: 1, maxMessageBytes: 1 },
  },
];

export const HEADERS: readonly Row[] = [
  ...lengths,
  ...tooBig,
  ...sign,
  ...longForms,
  ...rsv,
  ...opcodes,
  ...controls,
  ...order,
  ...limits,
];
