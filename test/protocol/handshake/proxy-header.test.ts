import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  MAX_PROXY_HEADER_BYTES,
  type ProxyFact,
  ProxyHeaderReader,
  proxyVersion,
  readProxyHeader,
} from '../../../src/protocol/handshake/proxy-header.ts';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const CLIENT_4 = [192, 0, 2, 1, 198, 51, 100, 2, 0x1f, 0x90, 0x01, 0xbb];
const CLIENT_6 = [
  ...Buffer.from('20010db800000000000000000000000120010db80000000000000000000000021f9001bb', 'hex'),
];
const binary = (versionAndCommand: number, family: number, body: readonly number[]): Buffer =>
  Buffer.from([...SIGNATURE, versionAndCommand, family, body.length >> 8, body.length & 255, ...body]);
const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, 'latin1');
const zeros = (count: number): number[] => Array<number>(count).fill(0);

type Source = readonly [address: string, port: number] | undefined;

const HEADERS: readonly (readonly [what: string, bytes: Buffer, version: 1 | 2, source: Source])[] = [
  ['TCP4', line('PROXY TCP4 192.0.2.1 198.51.100.2 8080 443'), 1, ['192.0.2.1', 8080]],
  ['TCP6', line('PROXY TCP6 2001:db8::1 ::1 65535 0'), 1, ['2001:db8::1', 65_535]],
  [
    'the longest line',
    line(`PROXY UNKNOWN ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535`),
    1,
    undefined,
  ],
  ['UNKNOWN alone', line('PROXY UNKNOWN'), 1, undefined],
  ['IPv4', binary(0x21, 0x11, CLIENT_4), 2, ['192.0.2.1', 8080]],
  ['IPv4 and TLVs', binary(0x21, 0x11, [...CLIENT_4, 0x03, 0, 4, 1, 2, 3, 4]), 2, ['192.0.2.1', 8080]],
  ['IPv6', binary(0x21, 0x21, CLIENT_6), 2, ['2001:db8::1', 8080]],
  ['a Unix socket', binary(0x21, 0x31, zeros(216)), 2, ['', 0]],
  ['LOCAL', binary(0x20, 0x00, []), 2, undefined],
  ['LOCAL with addresses', binary(0x20, 0x11, CLIENT_4), 2, undefined],
  ['an unspecified family', binary(0x21, 0x00, [1, 2, 3]), 2, undefined],
  ['536 bytes', binary(0x21, 0x11, [...CLIENT_4, ...zeros(508)]), 2, ['192.0.2.1', 8080]],
];

const MALFORMED: readonly (readonly [what: string, bytes: Buffer, detail: RegExp])[] = [
  ['an unknown family', line('PROXY TCP5 192.0.2.1 198.51.100.2 1 2'), /family/],
  ['no family', line('PROXY '), /family/],
  ['IPv6 in TCP4', line('PROXY TCP4 ::1 198.51.100.2 1 2'), /TCP4/],
  ['IPv4 in TCP6', line('PROXY TCP6 192.0.2.1 ::1 1 2'), /TCP6/],
  ['an address with a leading zero', line('PROXY TCP4 192.0.2.01 198.51.100.2 1 2'), /TCP4/],
  ['an address out of range', line('PROXY TCP4 192.0.2.256 198.51.100.2 1 2'), /TCP4/],
  ['no destination', line('PROXY TCP4 192.0.2.1'), /TCP4/],
  ['a port out of range', line('PROXY TCP4 192.0.2.1 198.51.100.2 65536 2'), /port/],
  ['a port with a leading zero', line('PROXY TCP4 192.0.2.1 198.51.100.2 1 02'), /port/],
  ['no port', line('PROXY TCP4 192.0.2.1 198.51.100.2 1'), /port/],
  ['more than ports', line('PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3'), /continues after the ports/],
  ['two spaces', line('PROXY  TCP4 192.0.2.1 198.51.100.2 1 2'), /family/],
  ['LF alone', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n'), /CR LF/],
  ['a line of 108 bytes', line(`PROXY UNKNOWN ${'x'.repeat(92)}`), /107/],
  ['a line without an end', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(93)}`), /107/],
  ['version 1 in binary', binary(0x11, 0x11, CLIENT_4), /version/],
  ['an unknown command', binary(0x22, 0x11, CLIENT_4), /command/],
  ['UDP', binary(0x21, 0x12, CLIENT_4), /transport/],
  ['an unknown binary family', binary(0x21, 0x41, CLIENT_4), /family/],
  ['too few bytes for IPv4', binary(0x21, 0x11, CLIENT_4.slice(1)), /too short/],
  ['too few bytes for IPv6', binary(0x21, 0x21, CLIENT_6.slice(1)), /too short/],
  ['too few bytes for Unix', binary(0x21, 0x31, zeros(215)), /too short/],
  ['537 bytes', binary(0x21, 0x11, [...CLIENT_4, ...zeros(509)]), /536 bytes \(537\)/],
  ['64 KiB', binary(0x20, 0x00, zeros(65_535)), /536 bytes/],
];

for (const [what, bytes, version, source] of HEADERS) {
  test(`RT-07 PROXY header, version ${version}, ${what}: is read when its last byte arrives`, () => {
    const [address, port] = source ?? [];
    const header: ProxyFact = {
      kind: 'header',
      version,
      length: bytes.length,
      source: source === undefined ? undefined : { address: address!, port: port! },
    };
    assert.ok(bytes.length <= MAX_PROXY_HEADER_BYTES);
    for (let cut = 0; cut < bytes.length; cut++)
      assert.deepEqual(readProxyHeader(bytes.subarray(0, cut)), { kind: 'more' }, `${cut} bytes`);
    assert.deepEqual(readProxyHeader(bytes), header);
    assert.deepEqual(readProxyHeader(Buffer.concat([bytes, Buffer.from('GET')])), header);
  });
}

for (const [what, bytes, detail] of MALFORMED) {
  test(`RT-07 SE-10 PROXY header with ${what} is malformed at every cut`, () => {
    const fact = readProxyHeader(bytes);
    assert.equal(fact.kind, 'malformed');
    assert.match(fact.kind === 'malformed' ? fact.detail : '', detail);
    for (let cut = 0; cut < Math.min(bytes.length, 600); cut++)
      assert.ok(['more', 'malformed'].includes(readProxyHeader(bytes.subarray(0, cut)).kind), `${cut} bytes`);
  });
}

for (const text of [
  'GET / HTTP/1.1',
  'POST',
  'PROXYX',
  'PROX\r',
  '\r\nGET',
  '\r\n\r\nG',
  '\x16\x03\x01',
  '\0',
]) {
  test(`RT-07 ${JSON.stringify(text)} is no PROXY header`, () => {
    assert.deepEqual(readProxyHeader(Buffer.from(text, 'latin1')), { kind: 'none' });
  });
}

test('RT-07 the version is known when the last byte of the signature arrives', () => {
  assert.deepEqual(
    ['', 'P', 'PROXY', 'PROXY ', 'PROXY TCP4'].map((text) => proxyVersion(Buffer.from(text))),
    [undefined, undefined, undefined, 1, 1],
  );
  for (let cut = 0; cut < 12; cut++)
    assert.equal(proxyVersion(Buffer.from(SIGNATURE).subarray(0, cut)), undefined);
  assert.equal(proxyVersion(Buffer.from(SIGNATURE)), 2);
});

test('RT-07 GN-07 bytes after a signature never cause a throw, and more bytes do not change a fact', () => {
  const signature = fc.constantFrom(
    Buffer.from('PROXY '),
    Buffer.from('PROXY TCP6 '),
    Buffer.from(SIGNATURE),
  );
  const tail = fc.uint8Array({ maxLength: 120 });
  fc.assert(
    fc.property(signature, tail, fc.nat(120), (first, bytes, cut) => {
      const whole = Buffer.concat([first, bytes]);
      const early = readProxyHeader(whole.subarray(0, first.length + Math.min(cut, bytes.length)));
      const late = readProxyHeader(whole);
      assert.notEqual(late.kind, 'none');
      if (early.kind === 'header') assert.deepEqual(late, early);
      if (early.kind === 'malformed') assert.equal(late.kind, 'malformed');
    }),
  );
});

const VALID = [line('PROXY TCP4 192.0.2.1 198.51.100.2 8080 443'), binary(0x21, 0x11, CLIENT_4)];

/** Reads bytes in two pieces, or one by one. */
function preambles(required: boolean, bytes: Buffer): (ReturnType<ProxyHeaderReader['receive']> | 'more')[] {
  const found: (ReturnType<ProxyHeaderReader['receive']> | 'more')[] = [];
  for (let cut = 1; cut <= bytes.length; cut++) {
    const reader = new ProxyHeaderReader(required);
    const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)].filter((piece) => piece.length > 0);
    let result: ReturnType<ProxyHeaderReader['receive']>;
    for (const piece of pieces) result ??= reader.receive(Buffer.from(piece));
    found.push(result ?? 'more');
  }
  const reader = new ProxyHeaderReader(required);
  let result: ReturnType<ProxyHeaderReader['receive']>;
  for (const byte of bytes) result ??= reader.receive(Buffer.of(byte));
  found.push(result ?? 'more');
  return found;
}

for (const header of VALID) {
  test(`RT-07 a header in pieces of any size gives the client address and the following bytes: version ${proxyVersion(header)}`, () => {
    for (const result of preambles(true, Buffer.concat([header, Buffer.from('GET /')]))) {
      assert.ok(result !== 'more' && result !== undefined && result.fault === undefined);
      assert.deepEqual(result.source, { address: '192.0.2.1', port: 8080 });
      assert.ok('GET /'.startsWith(result.rest.toString()) && result.rest.length > 0);
    }
    for (const result of preambles(true, header)) assert.equal(result, 'more');
  });

  for (const second of VALID) {
    test(`SE-10 version ${proxyVersion(second)} right after version ${proxyVersion(header)} is a fault`, () => {
      for (const result of preambles(true, Buffer.concat([header, second])))
        assert.match((result as { fault?: string }).fault ?? '', /a second PROXY protocol header/);
    });
  }

  test(`SE-10 a header of version ${proxyVersion(header)} from a sender that is not trusted is a fault`, () => {
    for (const result of preambles(false, header))
      assert.match((result as { fault?: string }).fault ?? '', /is not in proxyProtocol/);
  });
}

test('RT-07 a missing header is a fault if it is required; otherwise the bytes are passed on', () => {
  for (const result of preambles(true, Buffer.from('GET /')))
    assert.match((result as { fault?: string }).fault ?? '', /missing/);
  for (const result of preambles(false, Buffer.from('POST /'))) {
    assert.ok(result !== 'more' && result?.fault === undefined);
    assert.equal(result?.source, undefined);
  }
  const reader = new ProxyHeaderReader(false);
  assert.equal(reader.receive(Buffer.from('P')), undefined);
  assert.deepEqual([reader.heldBytes, reader.hasHeader, reader.source], [1, false, undefined]);
  assert.equal(reader.receive(Buffer.from('UT /'))?.rest?.toString(), 'PUT /');
});
