import type { ExtensionOffer } from '../handshake/extension-list.ts';
import {
  agreement,
  type DeflateAgreement,
  type DeflateParameters,
  type DeflatePreferences,
  EXTENSION_NAME,
  MAX_WINDOW_BITS,
  MIN_COMPRESSOR_BITS,
  parameter,
  readParameters,
} from './parameters.ts';

/** The server's response to the offers of a client. */
export interface DeflateAnswer {
  readonly agreed: DeflateAgreement;
  /** Value of `Sec-WebSocket-Extensions`. */
  readonly text: string;
}

/**
 * Chooses among the offers in the client's order of preference (RFC 7692 §5.1, §7.1). An offer is declined if a
 * parameter is unknown, repeated, without its value or out of range, or if it requires what this side cannot do.
 * @returns `undefined` if no offer is acceptable: the connection then has no extension.
 */
export function answerDeflate(
  offers: readonly ExtensionOffer[],
  preferences: DeflatePreferences,
): DeflateAnswer | undefined {
  for (const offer of offers) {
    if (offer.name !== EXTENSION_NAME) continue;
    const offered = readParameters(offer, 'offer');
    if (typeof offered === 'string') continue;
    if ((offered.server_max_window_bits ?? MAX_WINDOW_BITS) >= MIN_COMPRESSOR_BITS)
      return answerTo(offered, preferences);
  }
  return undefined;
}

function answerTo(offered: DeflateParameters, preferences: DeflatePreferences): DeflateAnswer {
  const { contextTakeover, serverMaxWindowBits, clientMaxWindowBits } = preferences;
  const serverTakeover = contextTakeover && !offered.server_no_context_takeover;
  // A client that hints at not using context takeover is held to it: that saves a window here (RFC 7692 §7.1.1.2).
  const clientTakeover = contextTakeover && !offered.client_no_context_takeover;
  const offeredServerBits = offered.server_max_window_bits;
  const serverBits = Math.min(serverMaxWindowBits, offeredServerBits ?? MAX_WINDOW_BITS);
  const offeredClientBits = offered.client_max_window_bits;
  // A client that does not offer the parameter cannot be limited and may use the largest window (RFC 7692 §7.1.2.2).
  const clientBits =
    offeredClientBits === undefined
      ? MAX_WINDOW_BITS
      : Math.min(clientMaxWindowBits, offeredClientBits === true ? MAX_WINDOW_BITS : offeredClientBits);
  const saysServerBits = offeredServerBits !== undefined || serverBits < MAX_WINDOW_BITS;
  const saysClientBits = typeof offeredClientBits === 'number' || clientBits < MAX_WINDOW_BITS;
  return {
    agreed: agreement(
      { contextTakeover: serverTakeover, windowBits: serverBits },
      { contextTakeover: clientTakeover, windowBits: clientBits },
    ),
    text:
      EXTENSION_NAME +
      parameter('server_no_context_takeover', !serverTakeover) +
      parameter('client_no_context_takeover', !clientTakeover) +
      parameter('server_max_window_bits', saysServerBits, serverBits) +
      parameter('client_max_window_bits', saysClientBits, clientBits),
  };
}
