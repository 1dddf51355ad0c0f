import assert from 'node:assert/strict';
import {
  ProtocolConnection,
  type ProtocolOptions,
  type ProtocolOwner,
} from '../../src/protocol/connection.ts';
import type { Extension, MessageDecoder } from '../../src/protocol/extensions/extension.ts';
import type { Role } from '../../src/protocol/constants.ts';
import { agreement } from '../../src/protocol/deflate/parameters.ts';
import { PerMessageDeflate } from '../../src/protocol/deflate/per-message-deflate.ts';
import type { Outbox } from '../../src/protocol/outgoing/outbox.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../../src/options/resolve-options.ts';
import { LIMITS } from '../vectors/row.ts';

/** Hears of control frames and Closes instead of the outbox of a core. */
export type FrameSink = Pick<Outbox, 'control' | 'closeAfterWaiting' | 'closeNow'>;
export const SILENT: FrameSink = { control() {}, closeAfterWaiting() {}, closeNow() {} };

/** permessage-deflate for a server that inflates with what `openInflater` makes. */
export function inflatingWith(
  openInflater: (done: () => void) => MessageDecoder,
  role: Role = 'server',
): { readonly extensions: readonly Extension[]; readonly owner: ProtocolOwner } {
  const direction = { contextTakeover: false, windowBits: 15 };
  const deflate = new PerMessageDeflate(role, agreement(direction, direction), DEFAULT_DEFLATE_SETTINGS, {
    compressor: () => ({
      compress: () => assert.fail('nothing is compressed'),
      compressLater: () => assert.fail('nothing is compressed'),
      forget() {},
      close() {},
    }),
    inflater: (_direction, _threshold, done) => openInflater(done),
  });
  const owner = { send() {}, readMore() {}, failed: (error: unknown) => assert.fail(String(error)) };
  return { extensions: [deflate], owner };
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
