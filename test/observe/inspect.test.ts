import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync, constants } from 'node:zlib';
import { MisuseError } from '../../src/index.ts';
import { inspect, type InspectedFrame } from '../../src/observe/index.ts';
import { addressBytes, type Endpoint, TCP, tcpPacket } from '../../src/observe/capture/tcp-packets.ts';
import { fileHeader, packetBlock } from '../../src/observe/capture/pcapng-blocks.ts';
import { binary, close, continuation, frame, hex, ping, text } from '../../src/testing/index.ts';

const framesOf = (bytes: Uint8Array, options?: Parameters<typeof inspect>[1]): readonly InspectedFrame[] =>
  inspect(bytes, { isPlain: true, ...options }).connections[0]!.frames;
const codesOf = (bytes: Uint8Array, options?: Parameters<typeof inspect>[1]): readonly string[] => {
  const { frames, violations } = inspect(bytes, { isPlain: true, ...options }).connections[0]!;
  return [...frames.flatMap((one) => one.violations), ...violations].map(
    ({ code, section }) => `${code} ${section}`,
  );
};

test('CM-10 §5.7: the masked Hello of the RFC, field by field', () => {
  const [one, ...others] = framesOf(hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'));
  assert.deepEqual(others, []);
  assert.deepEqual(
    one!.fields.map(({ bits, name, value }) => `${bits} ${name} ${value}`),
    [
      '0 FIN 1',
      '1 RSV1 0',
      '2 RSV2 0',
      '3 RSV3 0',
      '4-7 opcode 0x1',
      '8 MASK 1',
      '9-15 length 5',
      '16-47 masking key 37fa213d',
      '48-87 payload 5 bytes',
    ],
  );
  assert.equal(one!.from, 'client');
  assert.equal(one!.payload.toString(), 'Hello');
  assert.equal(one!.message?.data.toString(), 'Hello');
});

test('CM-10 §5.2: extended lengths have a field of their own', () => {
  for (const [size, bits] of [
    [126, '16-31'],
    [65_536, '16-79'],
  ] as const) {
    const [one] = framesOf(binary(Buffer.alloc(size), { mask: false }));
    const field = one!.fields.find(({ name }) => name === 'extended length')!;
    assert.deepEqual([field.bits, field.value], [bits, String(size)]);
  }
});

test('CM-10: each violation is reported with its code and section, and the frames after it are shown', () => {
  for (const [bytes, expected] of [
    [frame({ opcode: 3 }), 'ERR_OPCODE §5.2'],
    [text('x', { rsv2: true }), 'ERR_RSV §5.2'],
    [ping('x', { fin: false }), 'ERR_CONTROL_FRAGMENTED §5.5'],
    [ping(Buffer.alloc(126)), 'ERR_CONTROL_TOO_LONG §5.5'],
    [continuation('x'), 'ERR_CONTINUATION §5.4'],
    [text('x', { lengthForm: 16 }), 'ERR_LENGTH_ENCODING §5.2'],
    [text(hex('ff')), 'ERR_UTF8 §8.1'],
    [close(999), 'ERR_CLOSE_CODE §7.4'],
    [frame({ opcode: 8, payload: 'x' }), 'ERR_CLOSE_BODY §5.5.1'],
    [Buffer.concat([text('a', { fin: false }), text('b')]), 'ERR_INTERLEAVED §5.4'],
    [text('x', { mask: false }), 'ERR_MASK_MISSING §5.1'],
  ] as const) {
    const after = ping('still read');
    assert.deepEqual(codesOf(Buffer.concat([bytes, after]), { role: 'client' }), [expected]);
    assert.equal(
      framesOf(Buffer.concat([bytes, after]), { role: 'client' })
        .at(-1)!
        .payload.toString(),
      'still read',
    );
  }
  assert.deepEqual(codesOf(text('x'), { role: 'server' }), ['ERR_MASK_UNEXPECTED §5.1']);
});

test('CM-10: a message of several frames is joined at its last one', () => {
  const frames = framesOf(Buffer.concat([text('Hel', { fin: false }), ping('p'), continuation('lo')]));
  assert.deepEqual(
    frames.map(({ message }) => message?.data.toString()),
    [undefined, undefined, 'Hello'],
  );
  assert.equal(frames[2]!.message!.frames, 2);
});

test('CM-10 RFC 7692 §7.2.3.2: messages that refer to earlier ones are inflated', () => {
  const bytes = Buffer.concat([hex('c1 07 f2 48 cd c9 c9 07 00'), hex('c1 05 f2 00 11 00 00')]);
  assert.deepEqual(
    framesOf(bytes, { extensions: 'permessage-deflate' }).map(({ message }) => message!.data.toString()),
    ['Hello', 'Hello'],
  );
  const [, second] = framesOf(bytes, { extensions: 'permessage-deflate; server_no_context_takeover' });
  assert.deepEqual(
    second!.violations.map(({ code }) => code),
    ['ERR_INFLATE'],
  );
});

test('CM-10 RFC 7692 §7.2.3.4: a final block and the empty block after it are inflated', () => {
  assert.equal(framesOf(hex('c1 08 f3 48 cd c9 c9 07 00 00'))[0]!.message!.data.toString(), 'Hello');
});

test('CM-10: without known extensions, RSV1 means compression if the payload is compressed', () => {
  assert.equal(framesOf(hex('c1 07 f2 48 cd c9 c9 07 00'))[0]!.message!.data.toString(), 'Hello');
  assert.deepEqual(codesOf(text('Hello', { rsv1: true })), ['ERR_RSV §5.2']);
  assert.deepEqual(codesOf(hex('c1 07 f2 48 cd c9 c9 07 00'), { extensions: '' }), ['ERR_RSV §5.2']);
});

test('SE-20 CM-10: a compression bomb is not inflated beyond the limit', () => {
  const bomb = deflateRawSync(Buffer.alloc(10_000_000), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(
    0,
    -4,
  );
  const [one] = framesOf(binary(bomb, { rsv1: true }), { maxMessageBytes: 1_000_000 });
  assert.equal(one!.message, undefined);
  assert.match(one!.notes[0]!, /more than 1,000,000 bytes/);
});

test('CM-10: bytes that end inside a frame are shown as far as they go', () => {
  const whole = text('Hello');
  for (let end = 1; end < whole.length; end++) {
    const { frames, notes } = inspect(whole.subarray(0, end), { isPlain: true }).connections[0]!;
    assert.equal(frames.length, end < 6 ? 0 : 1);
    assert.match(notes[0]!, end < 6 ? /header is incomplete/ : new RegExp(`${end} of 11 bytes`));
  }
});

test('CM-10 §5.2: a length of 2^63 holds no memory', () => {
  const { frames } = inspect(hex('82 7f 80 00 00 00 00 00 00 00 01 02'), { isPlain: true }).connections[0]!;
  assert.deepEqual(
    frames[0]!.violations.map(({ code }) => code),
    ['ERR_LENGTH_SIGN'],
  );
});

/** A pcapng file with a handshake, and then segments of the client. */
function capturedStream(
  segments: readonly { readonly at: number; readonly bytes: Buffer }[],
  addresses: readonly [string, string] = ['10.0.0.1', '10.0.0.2'],
): Buffer {
  const client: Endpoint = { address: addressBytes(addresses[0]), port: 50_000, sequence: 2 ** 32 - 20 };
  const server: Endpoint = { address: addressBytes(addresses[1]), port: 8_080, sequence: 7 };
  const packets = [
    tcpPacket(client, server, TCP.SYN, Buffer.alloc(0)),
    tcpPacket(server, client, TCP.SYN | TCP.ACK, Buffer.alloc(0)),
    tcpPacket(
      client,
      server,
      TCP.ACK,
      Buffer.from('GET /x HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: x\r\n\r\n'),
    ),
    tcpPacket(
      server,
      client,
      TCP.ACK,
      Buffer.from('HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: chat\r\n\r\n'),
    ),
  ];
  const start = client.sequence;
  for (const { at, bytes } of segments) {
    client.sequence = (start + at) % 2 ** 32;
    packets.push(tcpPacket(client, server, TCP.ACK, bytes));
  }
  return Buffer.concat([
    fileHeader('test'),
    ...packets.map((packet, i) => packetBlock(1_000 + i, packet, '')),
  ]);
}

test('CM-10: TCP segments are put in order, and repeated bytes count once', () => {
  const bytes = Buffer.concat([text('one'), text('two'), text('three')]);
  const [a, b, c] = [bytes.subarray(0, 5), bytes.subarray(5, 14), bytes.subarray(14)];
  for (const addresses of [
    ['10.0.0.1', '10.0.0.2'],
    ['::1', 'fe80::2'],
  ] as const) {
    const file = capturedStream(
      [
        { at: 5, bytes: b },
        { at: 0, bytes: a },
        { at: 3, bytes: bytes.subarray(3, 9) },
        { at: 14, bytes: c },
        { at: 0, bytes: a },
      ],
      addresses,
    );
    const { format, connections, notes } = inspect(file);
    assert.deepEqual([format, notes], ['pcapng', []]);
    assert.equal(connections[0]!.protocol, 'chat');
    assert.deepEqual(
      connections[0]!.frames.map(({ message }) => message!.data.toString()),
      ['one', 'two', 'three'],
    );
  }
});

test('CM-10: missing bytes are reported, and nothing after them is guessed', () => {
  const bytes = Buffer.concat([text('one'), text('two')]);
  const { connections } = inspect(
    capturedStream([
      { at: 0, bytes: text('one') },
      { at: 12, bytes: bytes.subarray(12) },
    ]),
  );
  assert.equal(connections[0]!.frames.length, 1);
  assert.match(connections[0]!.notes[0]!, /3 bytes of the client are missing after byte 9/);
});

/** The packets of a pcapng file of {@link capturedStream} as a pcap file with Ethernet frames. */
function asPcap(bytes: Buffer, tag: Buffer): Buffer {
  const parts: Buffer[] = [];
  const head = Buffer.alloc(24);
  head.writeUInt32BE(0xa1b23c4d, 0);
  head.writeUInt32BE(1, 20);
  parts.push(head);
  for (let at = fileHeader('test').length; at < bytes.length; at += bytes.readUInt32LE(at + 4)) {
    const packet = bytes.subarray(at + 28, at + 28 + bytes.readUInt32LE(at + 20));
    const ethernet = Buffer.concat([Buffer.alloc(12), tag, packet]);
    const record = Buffer.alloc(16);
    record.writeUInt32BE(ethernet.length, 8);
    record.writeUInt32BE(ethernet.length, 12);
    parts.push(record, ethernet);
  }
  return Buffer.concat(parts);
}

test('CM-10: a pcap file with Ethernet frames is read, with and without a tag of a virtual network', () => {
  const file = capturedStream([{ at: 0, bytes: text('Hello') }]);
  for (const tag of [hex('0800'), hex('8100 0001 0800')]) {
    const { format, connections } = inspect(asPcap(file, tag));
    assert.equal(format, 'pcap');
    assert.equal(connections[0]!.frames[0]!.message!.data.toString(), 'Hello');
  }
  const { connections } = inspect(asPcap(file, hex('0806')));
  assert.deepEqual(connections, []);
});

test('CM-10: a file that is cut off is read as far as it goes', () => {
  const file = capturedStream([
    { at: 0, bytes: text('Hello') },
    { at: 11, bytes: text('World') },
  ]);
  const { connections, notes } = inspect(file.subarray(0, -10));
  assert.equal(connections[0]!.frames.length, 1);
  assert.match(notes[0]!, /the file ends inside a block/);
});

test('CM-10: TLS streams and streams without a handshake are counted, not guessed', () => {
  const client: Endpoint = { address: addressBytes('10.0.0.1'), port: 1, sequence: 0 };
  const server: Endpoint = { address: addressBytes('10.0.0.2'), port: 443, sequence: 0 };
  const other: Endpoint = { address: addressBytes('10.0.0.3'), port: 9, sequence: 0 };
  const file = Buffer.concat([
    fileHeader('test'),
    packetBlock(1, tcpPacket(client, server, TCP.ACK, hex('16 03 01 00 05')), ''),
    packetBlock(2, tcpPacket(other, server, TCP.ACK, text('Hello')), ''),
  ]);
  const { connections, notes } = inspect(file);
  assert.deepEqual(connections, []);
  assert.match(notes.join('\n'), /skipped 1 encrypted[^]*skipped 1 without a WebSocket handshake/);
});

const BEGIN =
  '{"capture":1,"id":"a","protocol":"","extensions":"","role":"server","openedAt":"2026-01-01T00:00:00.000Z"}';

test('CM-10 LG-04: a line that cannot be read is named, with its field', () => {
  for (const [line, pattern] of [
    ['{', /line 2 of the capture is not a JSON object/],
    ['[]', /line 2 of the capture is not a JSON object/],
    [
      '{"id":"a","t":1,"dir":"up","opcode":1,"fin":true,"rsv":0,"masked":true,"length":0}',
      /line 2 .*dir is "up"; it must be 'in' or 'out'/,
    ],
    [
      '{"id":"a","t":1,"dir":"in","opcode":16,"fin":true,"rsv":0,"masked":true,"length":0}',
      /opcode is 16; it must be a whole number from 0 to 15/,
    ],
    [
      '{"id":"a","t":1,"dir":"in","opcode":1,"fin":true,"rsv":0,"masked":true,"length":1,"payload":"!"}',
      /payload is "!"; it must be base64/,
    ],
    [
      '{"id":"a","t":1,"dir":"in","opcode":1,"fin":true,"rsv":0,"masked":true,"length":1,"payload":"AAAA"}',
      /payload is .* at most 1 bytes/,
    ],
    ['{"id":"a","t":1,"dir":"in","violation":{"code":"x"}}', /code is "x"; it must be an error code/],
    ['{"capture":2,"id":"b","protocol":"","extensions":"","role":"server","openedAt":""}', /capture is 2/],
  ] as const)
    assert.throws(
      () => inspect(Buffer.from(`${BEGIN}\n${line}\n{}\n`)),
      (error) => error instanceof MisuseError && pattern.test(error.message),
      line,
    );
});

test('CM-10 LG-04: a capture without whole payloads, or cut off, says so', () => {
  const line = '{"t":1,"id":"a","dir":"in","fin":true,"rsv":0,"opcode":1,"masked":true,"length":5}';
  const { connections, notes } = inspect(Buffer.from(`${BEGIN}\n${line}\n{"t":2,"id":"a","di`));
  assert.equal(connections[0]!.frames[0]!.isComplete, false);
  assert.match(notes.join(), /no last line/);
  assert.throws(() => inspect(Buffer.from('{"x":1}\n')), /no line begins a connection/);
});
