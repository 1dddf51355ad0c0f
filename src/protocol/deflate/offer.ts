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

/** What a client says in `Sec-WebSocket-Extensions` (RFC 7692 §7.1). */
export function offerDeflate(preferences: DeflatePreferences): string {
  const { contextTakeover, serverMaxWindowBits, clientMaxWindowBits } = preferences;
  const limitsClient = clientMaxWindowBits < MAX_WINDOW_BITS;
  return (
    EXTENSION_NAME +
    parameter('server_no_context_takeover', !contextTakeover) +
    parameter('client_no_context_takeover', !contextTakeover) +
    parameter('server_max_window_bits', serverMaxWindowBits < MAX_WINDOW_BITS, serverMaxWindowBits) +
    // Without a value, too, it says that we follow a server that asks for a smaller window.
    parameter('client_max_window_bits', true, limitsClient ? clientMaxWindowBits : undefined)
  );
}

/**
 * Judges the answer to {@link offerDeflate}. A client has to fail only for an answer that is malformed, or that describes a
 * configuration which it does not support (RFC 7692 §7.1). So an answer without the `server_no_context_takeover` that was
 * offered is accepted: the server keeps its context (Tornado ignores the parameter), and the client keeps one to inflate
 * with. A larger server window than offered is refused, because the application set that limit. The server may restrict
 * itself, or the client, without being asked.
 * @param answer At least one member.
 * @param keepsContext Whether a context can be kept to inflate with.
 * @returns What is wrong with it, as a part of a sentence, if something is: then the handshake has failed (RFC 7692 §5.1).
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
  // What the offer said of our window was a hint, which a server may ignore; a smaller one keeps to the answer as well (RFC 7692 §7.2.1).
  const answeredBits = (answered.client_max_window_bits as number | undefined) ?? MAX_WINDOW_BITS;
  const clientBits = Math.min(answeredBits, clientMaxWindowBits);
  return agreement(
    { contextTakeover: !answered.server_no_context_takeover, windowBits: serverBits },
    { contextTakeover: contextTakeover && !answered.client_no_context_takeover, windowBits: clientBits },
  );
}
