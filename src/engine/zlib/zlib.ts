import type { Zlib } from '../../protocol/deflate/compressor.ts';
import { Deflater, sharedDeflater } from './deflater.ts';
import { MessageInflater } from './message-inflater.ts';

/** Node's zlib for permessage-deflate. */
export const nodeZlib: Zlib = Object.freeze<Zlib>({
  compressor: (parameters, contextTakeover) =>
    contextTakeover ? new Deflater(parameters, true) : sharedDeflater(parameters),
  inflater: (direction, asyncThresholdBytes, done) =>
    new MessageInflater(direction, asyncThresholdBytes, done),
});
