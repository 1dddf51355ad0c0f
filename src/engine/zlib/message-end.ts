import { Buffer } from 'node:buffer';
import { constants } from 'node:zlib';
import { PeerError } from '../../protocol/errors.ts';
import type { RawZlib } from './raw-zlib.ts';

/**
 * The end of an empty stored block, which the sender removed (RFC 7692 §7.2.2), and one probe byte. `Z_BLOCK` stops
 * before the probe if and only if the message ended at the end of a block.
 */
const TAIL_AND_PROBE = Buffer.from([0x00, 0x00, 0xff, 0xff, 0x55]);
const TAIL_BYTES = 4;

/**
 * For streams that can only be written to: the tail, an empty final block, and one probe byte, which is left over if
 * and only if the message ended at the end of a block. The stream is unusable afterwards.
 */
export const TAIL_AND_FINAL_BLOCK: Buffer = Buffer.from([
  0x00, 0x00, 0xff, 0xff, 1, 0x00, 0x00, 0xff, 0xff, 0x55,
]);

export const endsInsideBlock = (): PeerError =>
  new PeerError('ERR_INFLATE', 'the message ends inside a block');

/**
 * Appends the tail to a message and checks that the message is complete.
 * @param output Its first `used` bytes are in use.
 * @param give Receives each full `output`, from its start.
 * @returns How many bytes of `output` are in use afterwards.
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
    // After a final block, the following bytes are another stream.
    else if (next === at) zlib.reset();
    at = next;
  }
  return taken;
}
