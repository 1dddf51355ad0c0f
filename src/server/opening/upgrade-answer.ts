import type { ConnectionIdentity } from '../../connection/connection-events.ts';
import { wallTimeMs } from '../../connection/expiry.ts';
import { answerDeflate } from '../../protocol/deflate/answer.ts';
import { checkHookHeaders, selectProtocol, type UpgradeRequest } from '../../protocol/handshake/server.ts';
import type { DeflateSettings } from '../../protocol/deflate/compressor.ts';
import type { NodeZlib } from '../../engine/zlib/zlib.ts';
import type { UpgradeAcceptance } from '../../options/hooks.ts';
import { headerPairs } from './response-like.ts';

/** The result of an accepted handshake. */
export interface UpgradeAnswer<UserData> {
  /** The header fields of the `upgrade` hook, checked. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The result of the handshake, for the connection. */
  readonly identity: Omit<ConnectionIdentity<UserData>, 'id'>;
}

/** The subprotocols and extensions that a server offers. */
export interface UpgradeOffer {
  /** Subprotocols, the preferred one first. */
  readonly protocols: readonly string[];
  readonly perMessageDeflate: false | DeflateSettings;
}

/**
 * Negotiates subprotocol and extensions with the client (§4.2.2).
 * @param compresses Whether compression may be negotiated now.
 * @param acceptance The result of the `upgrade` hook; `undefined` without a hook or a result.
 * @throws HandshakeError `ERR_UPGRADE_HOOK`, MisuseError `ERR_ARGUMENT`, for an acceptance that cannot be sent.
 */
export function answerUpgrade<UserData>(
  upgrade: UpgradeRequest,
  offer: UpgradeOffer,
  compresses: boolean,
  acceptance: UpgradeAcceptance<UserData> | undefined,
  zlib: NodeZlib,
): UpgradeAnswer<UserData> {
  const headers = acceptance?.headers === undefined ? [] : checkHookHeaders(headerPairs(acceptance.headers));
  const protocol = selectProtocol(upgrade.protocols, offer.protocols, acceptance?.protocol);
  const expiresAt = acceptance?.expiresAt === undefined ? undefined : wallTimeMs(acceptance.expiresAt);
  const deflate =
    offer.perMessageDeflate === false || !compresses || acceptance?.perMessageDeflate === false
      ? undefined
      : answerDeflate(upgrade.extensions, zlib.preferences(offer.perMessageDeflate));
  const extensions = deflate?.text ?? '';
  return {
    headers,
    identity: {
      protocol,
      extensions,
      deflate: deflate?.agreed,
      data: acceptance?.data as UserData,
      expiresAt,
      priority: acceptance?.priority,
    },
  };
}
