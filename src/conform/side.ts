import type { Buffer } from 'node:buffer';
import { frame } from '../testing/index.ts';
import type { FrameSpec, Role } from './model.ts';

/** Bytes of a frame as the side that faces `tested` sends it: clients mask, servers do not (§5.1). */
export function wireOf({ wrongMask, key, ...fields }: FrameSpec, tested: Role): Buffer {
  const masked = (tested === 'server') !== (wrongMask === true);
  return frame({ ...fields, ...(masked ? (key === undefined ? {} : { mask: key }) : { mask: false }) });
}
