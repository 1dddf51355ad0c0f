import { type Role, RSV1, RSV_MASK } from '../../protocol/constants.ts';
import { EXTENSION_NAME, readParameters } from '../../protocol/deflate/parameters.ts';
import { HandshakeError } from '../../protocol/errors.ts';
import { parseExtensions } from '../../protocol/handshake/extension-list.ts';
import type { Compression } from './message-reader.ts';

/** What is known of the extensions of a connection. */
export interface KnownExtensions {
  /** Compression of the messages of each side; `undefined` without permessage-deflate. */
  readonly client: Compression | undefined;
  readonly server: Compression | undefined;
  /** Why the extensions could not be read. */
  readonly note: string | undefined;
}

/** For bytes without a handshake: RSV1 is then taken for compression, each message for itself. */
const ASSUMED: KnownExtensions = Object.freeze({
  client: { contextTakeover: true, isAssumed: true },
  server: { contextTakeover: true, isAssumed: true },
  note: undefined,
});

/** The reserved bits that extensions may own. Which bit an unknown extension owns is not part of its name. */
export function ownedBitsOf(extensions: string): number {
  if (extensions === '') return 0;
  return extensions.split(',').every((one) => one.split(';')[0]!.trim() === EXTENSION_NAME) ? RSV1 : RSV_MASK;
}

/**
 * Reads the value of `Sec-WebSocket-Extensions` in a response.
 * @param extensions `undefined` if the bytes do not tell.
 */
export function knownExtensions(extensions: string | undefined): KnownExtensions {
  if (extensions === undefined) return ASSUMED;
  const none = { client: undefined, server: undefined };
  try {
    const agreed = parseExtensions(extensions).find(({ name }) => name === EXTENSION_NAME);
    if (agreed === undefined)
      return { ...none, note: extensions === '' ? undefined : `unknown extension: ${extensions}` };
    const parameters = readParameters(agreed, 'answer');
    if (typeof parameters === 'string') return { ...none, note: `${parameters}: ${extensions}` };
    const of = (side: Role): Compression => ({
      contextTakeover: !parameters[`${side}_no_context_takeover`],
      isAssumed: false,
    });
    return { client: of('client'), server: of('server'), note: undefined };
  } catch (error) {
    if (error instanceof HandshakeError) return { ...none, note: `malformed extensions: ${extensions}` };
    throw error;
  }
}
