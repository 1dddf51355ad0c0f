import type { ExtensionOffer } from '../handshake/extension-list.ts';
import {
  agreement,
  type DeflateAgreement,
  type DeflatePreferences,
  EXTENSION_NAME,
  MAX_WINDOW_BITS,
  parameter,
  readParameters,
} from './parameters.ts';

/** Returns the client's value of `Sec-WebSocket-Extensions` (RFC 7692 §7.1). */
export function offerDeflate(preferences: DeflatePreferences): string {
  const { contextTakeover, serverMaxWindowBits, clientMaxWindowBits } = preferences;
  const limitsClient = clientMaxWindowBits < MAX_WINDOW_BITS;
  return (
    EXTENSION_NAME +
    parameter('server_no_context_takeover', !contextTakeover) +
    parameter('client_no_context_takeover', !contextTakeover) +
    parameter('server_max_window_bits', serverMaxWindowBits < MAX_WINDOW_BITS, serverMaxWindowBits) +
    // Even without a value, the parameter tells the server that it may limit the client's window.
    parameter('client_max_window_bits', true, limitsClient ? clientMaxWindowBits : undefined)
  );
}

/**
 * Checks the response to {@link offerDeflate}. A client has to fail only for a response that is malformed or that
 * describes a configuration that it does not support (RFC 7692 §7.1). Therefore a response without the
 * `server_no_context_takeover` that was offered is accepted: the server keeps its context (Tornado ignores the
 * parameter), and the client keeps a context to inflate. A larger server window than offered is refused, because the
 * application set that limit. The server may restrict itself, or the client, without being asked.
 * @param answer At least one member.
 * @param keepsContext Whether this side can keep a context to inflate.
 * @returns The agreement, or the reason why the handshake failed as part of a sentence (RFC 7692 §5.1).
 */
export function acceptDeflateAnswer(
  [first, second]: readonly ExtensionOffer[],
  preferences: DeflatePreferences,
  keepsContext = true,
): DeflateAgreement | string {
  if (first?.name !== EXTENSION_NAME) return 'it chose an extension that was not offered';
  if (second !== undefined) return 'it chose more than one extension';
  const answered = readParameters(first, 'answer');
  if (typeof answered === 'string') return `in its extensions ${answered}`;
  const { contextTakeover, serverMaxWindowBits, clientMaxWindowBits } = preferences;
  if (!keepsContext && !answered.server_no_context_takeover)
    return 'in its extensions server_no_context_takeover is missing, and this runtime cannot keep a context to inflate with';
  const serverBits = answered.server_max_window_bits ?? MAX_WINDOW_BITS;
  if (serverBits > serverMaxWindowBits)
    return `in its extensions server_max_window_bits is ${answered.server_max_window_bits ?? 'missing'}, not at most ${serverMaxWindowBits}`;
  // The window in the offer was a hint that the server may ignore. A smaller window also satisfies the response (RFC
  // 7692 §7.2.1).
  const answeredBits = (answered.client_max_window_bits as number | undefined) ?? MAX_WINDOW_BITS;
  const clientBits = Math.min(answeredBits, clientMaxWindowBits);
  return agreement(
    { contextTakeover: !answered.server_no_context_takeover, windowBits: serverBits },
    { contextTakeover: contextTakeover && !answered.client_no_context_takeover, windowBits: clientBits },
  );
}
