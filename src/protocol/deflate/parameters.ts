import type { ExtensionOffer } from '../handshake/extension-list.ts';

export const EXTENSION_NAME = 'permessage-deflate';
/** Largest LZ77 window, and the default if no window is negotiated (RFC 7692 §7.1.2). */
export const MAX_WINDOW_BITS = 15;
/** zlib needs a window of at least 2^9 bytes to compress, so 2^8 cannot be promised. */
export const MIN_COMPRESSOR_BITS = 9;

/** What this side prefers; one object for all handshakes. */
export interface DeflatePreferences {
  /** Whether a message may refer to earlier messages. */
  readonly contextTakeover: boolean;
  /** Range 9 to 15. */
  readonly serverMaxWindowBits: number;
  /** Range 9 to 15. */
  readonly clientMaxWindowBits: number;
}

/** How one direction is compressed. */
export interface DeflateDirection {
  /** Whether messages may refer to earlier messages: both ends then keep a window. */
  readonly contextTakeover: boolean;
  /** Window of 2^`windowBits` bytes, 8 to 15. */
  readonly windowBits: number;
}

/** The negotiated parameters (RFC 7692 §7.1). Equal agreements are the same object, so connections hold no copy. */
export interface DeflateAgreement {
  /** Compression of the messages that the server sends. */
  readonly server: DeflateDirection;
  /** Compression of the messages that the client sends. */
  readonly client: DeflateDirection;
}

/** Parameters of one list member, checked for their form; `true` if a parameter without a value was sent. */
export interface DeflateParameters {
  readonly server_no_context_takeover: boolean;
  readonly client_no_context_takeover: boolean;
  readonly server_max_window_bits: number | undefined;
  readonly client_max_window_bits: number | true | undefined;
}

type Name = keyof DeflateParameters;
/**
 * Whether a parameter has a value (RFC 7692 §7.1.1 and §7.1.2). In a response, a parameter that can have a value must
 * have it.
 */
const VALUES: Readonly<Record<Name, { readonly offer: Presence; readonly answer: Presence }>> = {
  server_no_context_takeover: { offer: 'never', answer: 'never' },
  client_no_context_takeover: { offer: 'never', answer: 'never' },
  server_max_window_bits: { offer: 'always', answer: 'always' },
  client_max_window_bits: { offer: 'perhaps', answer: 'always' },
};
type Presence = 'never' | 'perhaps' | 'always';

/** "A decimal integer value without leading zeroes between 8 to 15, inclusive" (RFC 7692 §7.1.2.1). */
const WINDOW_BITS = /^(?:[89]|1[0-5])$/;

/**
 * Reads the parameters of one member, named {@link EXTENSION_NAME}, of a `Sec-WebSocket-Extensions` list.
 * @returns The parameters, or the fault as part of a sentence.
 */
export function readParameters(
  { params }: ExtensionOffer,
  of: 'offer' | 'answer',
): DeflateParameters | string {
  const found = new Map<string, number | true>();
  for (const [name, value] of params) {
    const presence = Object.hasOwn(VALUES, name) ? VALUES[name as Name][of] : undefined;
    if (presence === undefined) return 'a parameter of permessage-deflate is unknown';
    if (found.has(name)) return `${name} occurs twice`;
    if (value === true) {
      if (presence === 'always') return `${name} has no value`;
      found.set(name, true);
    } else {
      if (presence === 'never') return `${name} has a value`;
      if (!WINDOW_BITS.test(value)) return `${name} is not a number from 8 to 15`;
      found.set(name, Number(value));
    }
  }
  return {
    server_no_context_takeover: found.has('server_no_context_takeover'),
    client_no_context_takeover: found.has('client_no_context_takeover'),
    server_max_window_bits: found.get('server_max_window_bits') as number | undefined,
    client_max_window_bits: found.get('client_max_window_bits'),
  };
}

/** What one direction can be: 8 windows, each with and without context takeover. */
const DIRECTIONS: readonly DeflateDirection[] = /* @__PURE__ */ Array.from({ length: 16 }, (_, at) =>
  Object.freeze({ contextTakeover: (at & 1) === 1, windowBits: 8 + (at >> 1) }),
);
const AGREEMENTS: readonly DeflateAgreement[] = /* @__PURE__ */ DIRECTIONS.flatMap((server) =>
  DIRECTIONS.map((client) => Object.freeze({ server, client })),
);

const indexOf = ({ contextTakeover, windowBits }: DeflateDirection): number =>
  (windowBits - 8) * 2 + (contextTakeover ? 1 : 0);

/** The one object for these parameters; there are 256. */
export const agreement = (server: DeflateDirection, client: DeflateDirection): DeflateAgreement =>
  AGREEMENTS[indexOf(server) * DIRECTIONS.length + indexOf(client)]!;

/** Returns a parameter to append after the extension name, or an empty string. */
export const parameter = (name: Name, wanted: boolean, value?: number): string =>
  wanted ? `; ${name}${value === undefined ? '' : `=${value}`}` : '';
