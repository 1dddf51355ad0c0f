import { Buffer } from 'node:buffer';

/** Longest PROXY protocol header in bytes: it fits into one segment on every network. */
export const MAX_PROXY_HEADER_BYTES = 536;
const CR = 0x0d;
/** Longest line of version 1, including its end. */
const MAX_LINE_BYTES = 107;

/** The client's address as the proxy reports it. */
export interface ProxySource {
  /** IPv4 or IPv6; empty if the client reached the proxy over a Unix socket. */
  readonly address: string;
  readonly port: number;
}

/** What the first bytes of a connection are. */
export type ProxyFact =
  /** The start of a header; more input is needed. */
  | { readonly kind: 'more' }
  /** Not a header: the signature is missing. */
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly detail: string }
  | {
      readonly kind: 'header';
      readonly version: 1 | 2;
      /** Length of the header in bytes. */
      readonly length: number;
      /** `undefined` if the proxy opened the connection itself or does not know the client. */
      readonly source: ProxySource | undefined;
    };

const SIGNATURE_1: Buffer = /* @__PURE__ */ Buffer.from('PROXY ', 'latin1');
const SIGNATURE_2: Buffer = /* @__PURE__ */ Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const MORE: ProxyFact = /* @__PURE__ */ Object.freeze({ kind: 'more' });
const NONE: ProxyFact = /* @__PURE__ */ Object.freeze({ kind: 'none' });
const headerFault = (detail: string): ProxyFact => ({ kind: 'malformed', detail });

/** Returns the version whose signature the bytes start with; `undefined` while there are too few bytes to tell. */
export function proxyVersion(bytes: Uint8Array): 1 | 2 | 'none' | undefined {
  for (const [version, signature] of [
    [1, SIGNATURE_1],
    [2, SIGNATURE_2],
  ] as const) {
    const length = Math.min(bytes.length, signature.length);
    if (signature.compare(bytes, 0, length, 0, length) !== 0) continue;
    return bytes.length < signature.length ? undefined : version;
  }
  return 'none';
}

/**
 * Reads a PROXY protocol header, version 1 or 2. Skips the type-length-value fields of version 2.
 * @param bytes From the start of the connection; bytes after the header are ignored.
 */
export function readProxyHeader(bytes: Uint8Array): ProxyFact {
  const version = proxyVersion(bytes);
  if (version === undefined) return MORE;
  if (version === 'none') return NONE;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return version === 1 ? readLine(buffer) : readBinary(buffer);
}

function readLine(bytes: Buffer): ProxyFact {
  const end = bytes.indexOf('\n', 0, 'latin1') - 1;
  if (end < 0 || end + 2 > MAX_LINE_BYTES) {
    return bytes.length < MAX_LINE_BYTES
      ? MORE
      : headerFault(`its line is longer than ${MAX_LINE_BYTES} bytes`);
  }
  if (bytes[end] !== CR) return headerFault('its line does not end with CR LF');
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...others] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { kind: 'header', version: 1, length, source: undefined };
  const isAddress = family === 'TCP4' ? isDottedAddress : family === 'TCP6' ? isGroupedAddress : undefined;
  if (isAddress === undefined) return headerFault('its family is not TCP4, TCP6 or UNKNOWN');
  if (!isAddress(source) || !isAddress(destination)) return headerFault(`an address is not one of ${family}`);
  if (!isPort(sourcePort) || !isPort(destinationPort))
    return headerFault('a port is not a number up to 65535');
  if (others.length > 0) return headerFault('its line continues after the ports');
  return { kind: 'header', version: 1, length, source: { address: source, port: Number(sourcePort) } };
}

const isPort = (text: string): boolean => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
const isDottedAddress = (text: string): boolean =>
  /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) &&
  text.split('.').every((part) => String(Number(part)) === part && Number(part) <= 255);
const isGroupedAddress = (text: string): boolean =>
  /^[\da-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]/`);

/** Bytes before the addresses: signature, version and command, family and transport, length. */
const FIXED_BYTES = 16;
const LOCAL = 0;
const PROXY = 1;
const FAMILIES = /* @__PURE__ */ Object.freeze({ INET: 1, INET6: 2, UNIX: 3 } as const);
const STREAM = 1;
/** Bytes of the addresses and ports of both ends, by family. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = /* @__PURE__ */ Object.freeze({
  [FAMILIES.INET]: 12,
  [FAMILIES.INET6]: 36,
  [FAMILIES.UNIX]: 216,
});

function readBinary(bytes: Buffer): ProxyFact {
  if (bytes.length < FIXED_BYTES) return MORE;
  const versionAndCommand = bytes[12]!;
  const familyAndTransport = bytes[13]!;
  const length = FIXED_BYTES + bytes.readUInt16BE(14);
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2) return headerFault('its version is not 2');
  if (command !== LOCAL && command !== PROXY) return headerFault('its command is neither LOCAL nor PROXY');
  if (length > MAX_PROXY_HEADER_BYTES)
    return headerFault(`it is longer than ${MAX_PROXY_HEADER_BYTES} bytes (${length})`);
  const family = familyAndTransport >> 4;
  const transport = familyAndTransport & 0x0f;
  const saysNothing = command === LOCAL || familyAndTransport === 0;
  if (!saysNothing) {
    const needed = ADDRESS_BYTES[family];
    if (needed === undefined || transport !== STREAM)
      return headerFault('its family or transport is not TCP over IPv4 or IPv6, or a Unix stream');
    if (length < FIXED_BYTES + needed) return headerFault('it is too short for its addresses');
  }
  if (bytes.length < length) return MORE;
  return {
    kind: 'header',
    version: 2,
    length,
    source: saysNothing ? undefined : sourceOf(bytes, family),
  };
}

function sourceOf(bytes: Buffer, family: number): ProxySource {
  if (family === FAMILIES.UNIX) return { address: '', port: 0 };
  if (family === FAMILIES.INET) {
    return { address: [...bytes.subarray(16, 20)].join('.'), port: bytes.readUInt16BE(24) };
  }
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(16 + 2 * i).toString(16));
  // A URL normalises the address (RFC 5952).
  return {
    address: new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1),
    port: bytes.readUInt16BE(48),
  };
}

const NOTHING: Buffer = /* @__PURE__ */ Buffer.alloc(0);

/** Result of reading the start of a connection. */
export type ProxyPreamble =
  | { readonly fault: string; readonly rest?: undefined }
  | {
      readonly fault?: undefined;
      readonly source: ProxySource | undefined;
      /** The bytes after the header; at least one. A view of the last chunk. */
      readonly rest: Buffer;
    };

/**
 * Collects the PROXY header of a connection. A second header after it, of either version, is a fault, so the reader
 * waits for the first bytes after the header. They always come: in HTTP and TLS the client speaks first.
 */
export class ProxyHeaderReader {
  readonly #required: boolean;
  #held: Buffer = NOTHING;
  #header: { readonly source: ProxySource | undefined } | undefined;

  /** @param required True if the sender must send a header; false if it must not. */
  constructor(required: boolean) {
    this.#required = required;
  }

  /** Bytes buffered until more arrive. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** True after the header was complete. */
  get hasHeader(): boolean {
    return this.#header !== undefined;
  }

  /** The client's address; `undefined` if the header does not say it, or is not complete yet. */
  get source(): ProxySource | undefined {
    return this.#header?.source;
  }

  /**
   * Takes the next chunk; not to be called after a result.
   * @returns `undefined` if more input is needed.
   */
  receive(chunk: Buffer): ProxyPreamble | undefined {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    if (this.#required && this.#header === undefined) {
      const fact = readProxyHeader(bytes);
      if (fact.kind === 'more') return this.#hold(bytes);
      if (fact.kind === 'none') return { fault: 'its PROXY protocol header is missing' };
      if (fact.kind === 'malformed')
        return { fault: `its PROXY protocol header is malformed: ${fact.detail}` };
      this.#header = fact;
      bytes = bytes.subarray(fact.length);
    }
    const version = proxyVersion(bytes);
    if (version === undefined) return this.#hold(bytes);
    if (version === 'none') return { source: this.#header?.source, rest: bytes };
    return {
      fault: this.#required
        ? `a second PROXY protocol header (version ${version}) follows the first`
        : `it sent a PROXY protocol header (version ${version}), but is not in proxyProtocol`,
    };
  }

  #hold(bytes: Buffer): undefined {
    this.#held = Buffer.from(bytes);
    return undefined;
  }
}
