import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { wholeNumber } from '../options/call-check.ts';
import { checkArgument, HOSTS } from './call-check.ts';

/** A key and a self-signed certificate, both as PEM. */
export interface SelfSigned {
  readonly key: string;
  readonly cert: string;
}

const DAY_MS = 86_400_000;
/** Up to 2049 a certificate has years of two digits; later years need another form (RFC 5280 §4.1.2.5). */
const NOW = wholeNumber(3_600_000, Date.UTC(2049, 11, 1));

// DER (X.690): a tag, a length and the content.
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts);
const integer = (bytes: Uint8Array): Buffer => der(0x02, bytes);
const bitString = (bytes: Uint8Array): Buffer => der(0x03, Buffer.of(0), bytes);
const octetString = (bytes: Uint8Array): Buffer => der(0x04, bytes);
const utf8String = (text: string): Buffer => der(0x0c, Buffer.from(text));
const TRUE = Buffer.of(0x01, 0x01, 0xff);

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return der(0x06, Buffer.from(bytes));
}

/** `YYMMDDHHMMSSZ`, valid until 2049. */
const utcTime = (ms: number): Buffer =>
  der(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::', 2);
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  const groups = tail === undefined ? left : [...left, ...zeros, ...right];
  return Buffer.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  );
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(objectIdentifier(id), ...(critical ? [TRUE] : []), octetString(value));

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;

/**
 * Makes a self-signed certificate (RFC 5280) with a new P-256 key, for `wss:` in tests. Pass the result as the option
 * `tls` of a server, and `cert` as the `ca` of a client.
 * @param hosts Host names and IP addresses, at least one. IPv6 addresses without an embedded IPv4 address.
 * @param nowMs Wall time in ms since 1970, up to the end of November 2049. The certificate is valid from one hour
 *   before until 30 days after. Default: now.
 * @throws MisuseError `ERR_ARGUMENT` for other arguments.
 */
export function selfSigned(hosts: readonly string[], nowMs: number = Date.now()): SelfSigned {
  checkArgument('selfSigned', 'hosts', hosts, HOSTS);
  checkArgument('selfSigned', 'nowMs', nowMs, NOW);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
  const name = sequence(
    set(sequence(objectIdentifier('2.5.4.3'), utf8String(`hawser ${hosts[0]}`.slice(0, 64)))),
  );
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const alternatives = hosts.map((host) =>
    isIP(host) === 0 ? der(0x82, Buffer.from(host)) : der(0x87, addressBytes(host)),
  );
  const extensions = [
    extension('2.5.29.19', sequence(TRUE), true),
    extension('2.5.29.15', der(0x03, Buffer.of(2, 0x84)), true),
    // Extended key usage: TLS servers, and TLS clients with a certificate.
    extension(
      '2.5.29.37',
      sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'), objectIdentifier('1.3.6.1.5.5.7.3.2')),
    ),
    extension('2.5.29.17', sequence(...alternatives)),
  ];
  const certificate = sequence(
    der(0xa0, integer(Buffer.of(2))),
    integer(serial),
    ecdsaWithSha256,
    name,
    sequence(utcTime(nowMs - 3_600_000), utcTime(nowMs + 30 * DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', certificate, privateKey);
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: pem('CERTIFICATE', sequence(certificate, ecdsaWithSha256, bitString(signature))),
  };
}
