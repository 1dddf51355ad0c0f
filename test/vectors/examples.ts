import type { Role } from '../../src/protocol/constants.ts';
import { hex } from '../../src/testing/frames.ts';

/** Bytes from the RFC or computed by hand, with the side that receives them. */
export const EXAMPLES: readonly {
  readonly rule: string;
  readonly role: Role;
  readonly wire: Buffer;
  readonly lines: readonly string[];
}[] = [
  {
    rule: '§5.7 a single-frame unmasked text message',
    role: 'client',
    wire: hex('81 05 48 65 6c 6c 6f'),
    lines: ['text "Hello"'],
  },
  {
    rule: '§5.7 a single-frame masked text message',
    role: 'server',
    wire: hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'),
    lines: ['text "Hello"'],
  },
  {
    rule: '§5.7 a fragmented unmasked text message',
    role: 'client',
    wire: hex('01 03 48 65 6c  80 02 6c 6f'),
    lines: ['text "Hello"'],
  },
  {
    rule: '§5.7 unmasked ping',
    role: 'client',
    wire: hex('89 05 48 65 6c 6c 6f'),
    lines: ['> pong 48656c6c6f', 'ping 48656c6c6f'],
  },
  {
    rule: '§5.7 masked pong',
    role: 'server',
    wire: hex('8a 85 37 fa 21 3d 7f 9f 4d 51 58'),
    lines: ['pong 48656c6c6f'],
  },
  {
    rule: '§5.7 256 bytes of binary, unmasked',
    role: 'client',
    wire: Buffer.concat([hex('82 7e 01 00'), Buffer.alloc(256, 7)]),
    lines: [`binary ${'07'.repeat(256)}`],
  },
  {
    rule: '§5.7 64 KiB of binary, unmasked',
    role: 'client',
    wire: Buffer.concat([hex('82 7f 00 00 00 00 00 01 00 00'), Buffer.alloc(65_536, 7)]),
    lines: [`binary ${'07'.repeat(65_536)}`],
  },
  {
    rule: 'MK-01 masked Hello under another key',
    role: 'server',
    wire: hex('81 85 12 34 56 78 5a 51 3a 14 7d'),
    lines: ['text "Hello"'],
  },
  {
    rule: 'MK-04 a key of zeros is accepted',
    role: 'server',
    wire: hex('81 85 00 00 00 00 48 65 6c 6c 6f'),
    lines: ['text "Hello"'],
  },
  {
    rule: 'FP-10 an empty masked text still has a key',
    role: 'server',
    wire: hex('81 80 37 fa 21 3d'),
    lines: ['text ""'],
  },
  {
    rule: '§5.5.1 masked Close 1000',
    role: 'server',
    wire: hex('88 82 37 fa 21 3d 34 12'),
    lines: ['> close 1000', 'close 1000 ""'],
  },
  {
    rule: '§5.1 an unmasked frame from a client',
    role: 'server',
    wire: hex('81 05 48 65 6c 6c 6f'),
    lines: ['> close 1002', 'failure ERR_MASK_MISSING'],
  },
  {
    rule: '§5.1 a masked frame from a server',
    role: 'client',
    wire: hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'),
    lines: ['> close 1002', 'failure ERR_MASK_UNEXPECTED'],
  },
  {
    rule: 'SE-21 the RFC 7692 frame of a compressed Hello, nothing negotiated',
    role: 'client',
    wire: hex('c1 07 f2 48 cd c9 c9 07 00'),
    lines: ['> close 1002', 'failure ERR_RSV'],
  },
];
