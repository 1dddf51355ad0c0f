import type { ExtensionOffer } from '../handshake/extension-list.ts';

export const EXTENSION_NAME = 'permessage-deflate';
/** Largest LZ77 window, and the one that counts where nothing is said (RFC 7692 §7.1.2). */
export const MAX_WINDOW_BITS = 15;
/** zlib compresses with a window of 2^9 bytes at least, so a promise of 2^8 cannot be kept. */
export const MIN_COMPRESSOR_BITS = 9;

/** What this side would like; one object for all handshakes. */
export interface DeflatePreferences {
  /** Whether a message may refer to the ones before it. */
  readonly contextTakeover: boolean;
  /** 9 to 15. */
  readonly serverMaxWindowBits: number;
  /** 9 to 15. */
  readonly clientMaxWindowBits: number;
}

/** How one direction is compressed. */
export interface DeflateDirection {
  /** Messages may refer to the ones before them: both ends keep a window. */
  readonly contextTakeover: boolean;
  /** Window of 2^`windowBits` bytes, 8 to 15. */
  readonly windowBits: number;
}

/** What was agreed on (RFC 7692 §7.1). Equal agreements are the same object: connections that hold one hold nothing of their own. */
export interface DeflateAgreement {
  /** What the server sends. */
  readonly server: DeflateDirection;
  /** What the client sends. */
  readonly client: DeflateDirection;
}

/** Parameters of one member of the list, after a check of their form; `true` where a value was left out. */
export interface DeflateParameters {
  readonly server_no_context_takeover: boolean;
  readonly client_no_context_takeover: boolean;
  readonly server_max_window_bits: number | undefined;
  readonly client_max_window_bits: number | true | undefined;
}

type Name = keyof DeflateParameters;
/** Whether a parameter has a value (RFC 7692 §7.1.1 and §7.1.2); of an answer each has what it can have. */
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
 * Reads the parameters of one member of a `Sec-WebSocket-Extensions` list whose name is {@link EXTENSION_NAME}.
 * @returns What is wrong with them, as a part of a sentence, if something is.
 */
export function readParameters(
  { params }: ExtensionOffer,
  of: 'offer' | 'answer',
): DeflateParameters | string {
  const found = new Map<string, number | true>();
  for (const [name, value] of params) {
    const presence = Object.hasOwn(VALUES, name) ? VALUES[name as Name][of] : undefined;
    if (presence === undefined) return 'a parameter of permessage-deflate is unknown';
    if (found.has(name)) return `${name} is there twice`;
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

const AGREEMENTS = new Map<number, DeflateAgreement>();

/** The one object for these parameters; there are 256. */
export function agreement(server: DeflateDirection, client: DeflateDirection): DeflateAgreement {
  const key =
    (server.windowBits - 8) * 32 +
    (client.windowBits - 8) * 4 +
    (server.contextTakeover ? 2 : 0) +
    (client.contextTakeover ? 1 : 0);
  let agreed = AGREEMENTS.get(key);
  if (agreed === undefined) {
    agreed = Object.freeze({ server: Object.freeze({ ...server }), client: Object.freeze({ ...client }) });
    AGREEMENTS.set(key, agreed);
  }
  return agreed;
}

/** One parameter behind the token, if it is wanted. */
export const parameter = (name: Name, wanted: boolean, value?: number): string =>
  wanted ? `; ${name}${value === undefined ? '' : `=${value}`}` : '';
