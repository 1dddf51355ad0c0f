import {
  agreement,
  type DeflateAgreement,
  EXTENSION_NAME,
  readParameters,
} from '../protocol/deflate/parameters.ts';
import { parseExtensions } from '../protocol/handshake/extension-list.ts';
import type { PerMessageDeflateOptions } from './options.ts';

/** The options as JavaScript may give them: `false` refuses offers that limit a window. */
type Options = Omit<PerMessageDeflateOptions, 'serverMaxWindowBits' | 'clientMaxWindowBits'> & {
  readonly serverMaxWindowBits?: number | boolean | undefined;
  readonly clientMaxWindowBits?: number | boolean | undefined;
};

const MAX_BITS = 15;

/** The parameters that a handshake agrees on, in the order of the response. */
type Parameters = Map<string, number | true>;

/** The negotiated compression, and the member of `Sec-WebSocket-Extensions` that says so. */
export interface NegotiatedDeflate {
  readonly agreed: DeflateAgreement;
  readonly text: string;
}

function textOf(parameters: Parameters): string {
  let text = EXTENSION_NAME;
  for (const [name, value] of parameters) text += value === true ? `; ${name}` : `; ${name}=${value}`;
  return text;
}

const bitsOf = (value: number | true | undefined): number => (typeof value === 'number' ? value : MAX_BITS);

const agreementOf = (parameters: Parameters): DeflateAgreement =>
  agreement(
    {
      contextTakeover: !parameters.has('server_no_context_takeover'),
      windowBits: bitsOf(parameters.get('server_max_window_bits')),
    },
    {
      contextTakeover: !parameters.has('client_no_context_takeover'),
      windowBits: bitsOf(parameters.get('client_max_window_bits')),
    },
  );

/** @throws Error For a list that is malformed, or whose parameters are. */
function readLists(value: string, of: 'offer' | 'answer'): Parameters[] {
  return parseExtensions(value)
    .filter(({ name }) => name === EXTENSION_NAME)
    .map((member) => {
      const checked = readParameters(member, of);
      if (typeof checked === 'string') throw new Error(checked);
      return new Map(
        member.params.map(([name, given]) => [name, given === true ? given : Number(given)] as const),
      );
    });
}

function isAcceptable(offer: Parameters, options: Options): boolean {
  const { serverNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = options;
  if (serverNoContextTakeover === false && offer.has('server_no_context_takeover')) return false;
  const serverBits = offer.get('server_max_window_bits');
  if (serverBits !== undefined) {
    if (serverMaxWindowBits === false) return false;
    if (typeof serverMaxWindowBits === 'number' && serverMaxWindowBits > Number(serverBits)) return false;
  }
  if (typeof clientMaxWindowBits !== 'number') return true;
  const clientBits = offer.get('client_max_window_bits');
  return typeof clientBits === 'number' ? clientMaxWindowBits <= clientBits : clientBits === true;
}

/**
 * Answers the offers of a client by the rules of `ws`, which differ from those of Hawser's server: an offer that cannot be
 * accepted is an error.
 * @param value Of `Sec-WebSocket-Extensions`.
 * @returns `undefined` without an offer of permessage-deflate.
 * @throws Error If the list is malformed or no offer can be accepted.
 */
export function answerOffers(
  value: string,
  options: Options,
  keepsContext: boolean,
): NegotiatedDeflate | undefined {
  const offers = readLists(value, 'offer');
  if (offers.length === 0) return undefined;
  const accepted = offers.find((offer) => isAcceptable(offer, options));
  if (accepted === undefined) throw new Error('None of the extension offers can be accepted');
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } =
    options;
  if (serverNoContextTakeover === true || !keepsContext) accepted.set('server_no_context_takeover', true);
  if (clientNoContextTakeover === true || !keepsContext) accepted.set('client_no_context_takeover', true);
  if (typeof serverMaxWindowBits === 'number') accepted.set('server_max_window_bits', serverMaxWindowBits);
  if (typeof clientMaxWindowBits === 'number') accepted.set('client_max_window_bits', clientMaxWindowBits);
  else if (accepted.get('client_max_window_bits') === true || clientMaxWindowBits === false)
    accepted.delete('client_max_window_bits');
  return { agreed: agreementOf(accepted), text: textOf(accepted) };
}

/** Returns the offer of a client: a member of `Sec-WebSocket-Extensions`. */
export function offerOf(options: Options, keepsContext: boolean): string {
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } =
    options;
  const offer: Parameters = new Map();
  if (serverNoContextTakeover === true || !keepsContext) offer.set('server_no_context_takeover', true);
  if (clientNoContextTakeover === true || !keepsContext) offer.set('client_no_context_takeover', true);
  if (typeof serverMaxWindowBits === 'number') offer.set('server_max_window_bits', serverMaxWindowBits);
  if (typeof clientMaxWindowBits === 'number') offer.set('client_max_window_bits', clientMaxWindowBits);
  else if (clientMaxWindowBits !== false) offer.set('client_max_window_bits', true);
  return textOf(offer);
}

/**
 * Checks the response to {@link offerOf}.
 * @param value Of `Sec-WebSocket-Extensions`.
 * @returns The agreement, or the message of the error.
 */
export function acceptAnswer(
  value: string,
  options: Options,
  keepsContext: boolean,
): DeflateAgreement | string {
  const malformed = 'Invalid Sec-WebSocket-Extensions header';
  try {
    const members = parseExtensions(value);
    if (members.length !== 1 || members[0]!.name !== EXTENSION_NAME)
      return 'Server indicated an extension that was not requested';
    const [answer] = readLists(value, 'answer');
    const { clientNoContextTakeover, clientMaxWindowBits } = options;
    if (clientNoContextTakeover === false && answer!.has('client_no_context_takeover')) return malformed;
    if (!keepsContext && !answer!.has('server_no_context_takeover')) return malformed;
    const clientBits = answer!.get('client_max_window_bits');
    if (clientBits === undefined) {
      if (typeof clientMaxWindowBits === 'number') answer!.set('client_max_window_bits', clientMaxWindowBits);
    } else if (
      clientMaxWindowBits === false ||
      (typeof clientMaxWindowBits === 'number' && Number(clientBits) > clientMaxWindowBits)
    )
      return malformed;
    if (clientNoContextTakeover === true || !keepsContext) answer!.set('client_no_context_takeover', true);
    return agreementOf(answer!);
  } catch {
    return malformed;
  }
}
