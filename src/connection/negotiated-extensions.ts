import type { Role } from '../protocol/constants.ts';
import type { DeflateAgreement } from '../protocol/deflate/parameters.ts';
import { PerMessageDeflate } from '../protocol/deflate/per-message-deflate.ts';
import type { ConnectionContext } from './owner.ts';

/**
 * The extensions of a new connection.
 * @param deflate The negotiated permessage-deflate, if any.
 * @returns `undefined` if there are none.
 */
export function negotiatedExtensions(
  role: Role,
  deflate: DeflateAgreement | undefined,
  { settings, engine, counters }: ConnectionContext,
): PerMessageDeflate[] | undefined {
  const { perMessageDeflate } = settings;
  if (deflate === undefined || perMessageDeflate === false) return undefined;
  return [new PerMessageDeflate(role, deflate, perMessageDeflate, engine.zlib, counters.compression)];
}
