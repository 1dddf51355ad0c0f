import { Buffer } from 'node:buffer';
import { constants } from 'node:zlib';
import { PeerError } from '../../protocol/errors.ts';
import type { RawZlib } from './raw-zlib.ts';

/**
 * The end of an empty stored block, which the sender has cut off (RFC 7692 §7.2.2), and one byte more: `Z_BLOCK` stops
 * before it if, and only if, the message ended where a block may.
 */
const TAIL_AND_PROBE = Buffer.from([0x00, 0x00, 0xff, 0xff, 0x55]);
const TAIL_BYTES = 4;

/**
 * For streams that can only be written to: the tail, an empty final block, and one byte more that is left over if, and only if,
 * the message ended where a block may. The stream is of no use after it.
 */
export const TAIL_AND_FINAL_BLOCK: Buffer = Buffer.from([
  0x00, 0x00, 0xff, 0xff, 1, 0x00, 0x00, 0xff, 0xff, 0x55,
]);

export const endsInsideBlock = (): PeerError =>
  new PeerError('ERR_INFLATE', 'the message ends inside a block');

/**
 * Puts the tail behind a message, and makes sure that the message is whole.
 * @param output Its first `used` bytes are taken.
 * @param give Is handed what fills `output`, from its beginning.
 * @returns How many bytes of `output` are taken then.
 * @throws PeerError `ERR_INFLATE`, or what `give` throws.
 */
export function endMessage(
  zlib: RawZlib,
  output: Buffer,
  used: number,
  give: (bytes: number) => void,
): number {
  let taken = used;
  for (let at = 0; at !== TAIL_BYTES; ) {
    const left = TAIL_AND_PROBE.length - at;
    zlib.step(constants.Z_BLOCK, TAIL_AND_PROBE, at, left, output, taken, output.length - taken);
    if (zlib.failure !== undefined) throw new PeerError('ERR_INFLATE', zlib.failure);
    const next = TAIL_AND_PROBE.length - zlib.inputLeft;
    taken = output.length - zlib.outputLeft;
    if (taken === output.length) {
      give(taken);
      taken = 0;
    } else if (next === TAIL_AND_PROBE.length) throw endsInsideBlock();
    // A final block came before: what follows it is another stream.
    else if (next === at) zlib.reset();
    at = next;
  }
  return taken;
}
