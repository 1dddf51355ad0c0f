import assert from 'node:assert/strict';
import {
  type AgreedDeflate,
  ProtocolConnection,
  type ProtocolOptions,
} from '../../src/protocol/connection.ts';
import type { Role } from '../../src/protocol/constants.ts';
import type { Inflater } from '../../src/protocol/deflate/inflater.ts';
import { agreement } from '../../src/protocol/deflate/parameters.ts';
import type { Outbox } from '../../src/protocol/outgoing/outbox.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../../src/options/resolve-options.ts';
import { LIMITS } from '../vectors/row.ts';

/** Hears of control frames and Closes instead of the outbox of a core. */
export type FrameSink = Pick<Outbox, 'control' | 'closeAfterWaiting' | 'closeNow'>;
export const SILENT: FrameSink = { control() {}, closeAfterWaiting() {}, closeNow() {} };

/** permessage-deflate for a core that inflates with what `openInflater` makes. */
export function inflatingWith(openInflater: (done: () => void) => Inflater): AgreedDeflate {
  const direction = { contextTakeover: false, windowBits: 15 };
  return {
    agreed: agreement(direction, direction),
    settings: DEFAULT_DEFLATE_SETTINGS,
    zlib: {
      compressor: () => ({
        compress: () => assert.fail('nothing is compressed'),
        compressLater: () => assert.fail('nothing is compressed'),
        forget() {},
        close() {},
      }),
      inflater: (_direction, _threshold, done) => openInflater(done),
    },
    owner: { send() {}, readMore() {}, failed: (error) => assert.fail(String(error)) },
  };
}

/** A core with the limits of the vectors. @param sink What it hears of, and what is then not sent. */
export function coreWith(
  options: ProtocolOptions & { readonly role?: Role; readonly sink?: Partial<FrameSink> } = {},
): ProtocolConnection {
  const { role = 'server', sink = {}, ...rest } = options;
  const core = new ProtocolConnection(role, {
    limits: LIMITS,
    nextKey: role === 'client' ? () => 0x01020304 : undefined,
    ...rest,
  });
  Object.assign(core.outbox, sink);
  return core;
}
