import { Buffer } from 'node:buffer';
import { OPCODE } from '../../protocol/constants.ts';
import type { WireFrame } from './frame-dissector.ts';
import type { InspectedField } from './model.ts';

const NAMES: Readonly<Record<number, string>> = {
  [OPCODE.CONTINUATION]: 'continuation',
  [OPCODE.TEXT]: 'text',
  [OPCODE.BINARY]: 'binary',
  [OPCODE.CLOSE]: 'close',
  [OPCODE.PING]: 'ping',
  [OPCODE.PONG]: 'pong',
};

/** The name of an opcode; `reserved` for those without one. */
export const opcodeName = (opcode: number): string => NAMES[opcode] ?? 'reserved';

const field = (
  name: string,
  first: number,
  last: number,
  value: string,
  meaning: string,
): InspectedField => ({
  name,
  bits: first === last ? String(first) : `${first}-${last}`,
  value,
  meaning,
});

const count = (value: number, unit: string): string =>
  `${value.toLocaleString('en-US')} ${unit}${value === 1 ? '' : 's'}`;

/** The masking key of a frame. */
export function keyOf({ masked, header }: Pick<WireFrame, 'masked' | 'header'>): Buffer | undefined {
  return masked ? Buffer.from(header.subarray(header.length - 4)) : undefined;
}

/**
 * The fields of a frame header in their order.
 * @param isDeflated Whether permessage-deflate owns RSV1.
 * @param key `undefined` if the file does not contain it.
 */
export function fieldsOf(
  frame: Omit<WireFrame, 'payload' | 'violation' | 'offset'>,
  isDeflated: boolean,
  key: Buffer | undefined,
): InspectedField[] {
  const { fin, rsv, opcode, masked, lengthBits, length } = frame;
  const rsv1 = (rsv & 4) !== 0;
  const reserved = (isSet: boolean): string => (isSet ? 'reserved: no extension defines it' : 'not set');
  const short = lengthBits === 7 ? length : lengthBits === 16 ? 126 : 127;
  const extendedBits = lengthBits === 7 ? 0 : lengthBits;
  const keyAt = 16 + extendedBits;
  const payloadAt = keyAt + (masked ? 32 : 0);
  const isControl = opcode >= 8;
  return [
    field(
      'FIN',
      0,
      0,
      fin ? '1' : '0',
      fin ? 'last frame of the message' : 'more frames of the message follow',
    ),
    field('RSV1', 1, 1, rsv1 ? '1' : '0', rsv1 && isDeflated ? 'compressed message' : reserved(rsv1)),
    field('RSV2', 2, 2, (rsv & 2) === 0 ? '0' : '1', reserved((rsv & 2) !== 0)),
    field('RSV3', 3, 3, (rsv & 1) === 0 ? '0' : '1', reserved((rsv & 1) !== 0)),
    field(
      'opcode',
      4,
      7,
      `0x${opcode.toString(16)}`,
      `${opcodeName(opcode)} ${isControl ? '(control)' : '(data)'}`,
    ),
    field(
      'MASK',
      8,
      8,
      masked ? '1' : '0',
      masked ? 'payload is masked: sent by a client' : 'payload is not masked: sent by a server',
    ),
    field(
      'length',
      9,
      15,
      String(short),
      lengthBits === 7 ? count(length, 'byte') : `the length is in the next ${lengthBits} bits`,
    ),
    ...(extendedBits === 0
      ? []
      : [field('extended length', 16, 15 + extendedBits, String(length), count(length, 'byte'))]),
    ...(masked
      ? [
          field(
            'masking key',
            keyAt,
            keyAt + 31,
            key === undefined ? '-' : key.toString('hex'),
            key === undefined ? 'not in the file' : 'XORed with the payload',
          ),
        ]
      : []),
    ...(length === 0
      ? []
      : [
          field(
            'payload',
            payloadAt,
            payloadAt + length * 8 - 1,
            count(length, 'byte'),
            isControl ? '' : rsv1 ? 'compressed' : '',
          ),
        ]),
  ];
}
