import { MisuseError } from '../src/protocol/errors.ts';
import { inspect, type Inspection } from '../src/observe/index.ts';
import { fileHeader, packetBlock } from '../src/observe/capture/pcapng-blocks.ts';
import { addressBytes, type Endpoint, TCP, tcpPacket } from '../src/observe/capture/tcp-packets.ts';
import { readCapture } from '../src/testing/captured.ts';
import { continuation, frame, text } from '../src/testing/frames.ts';
import { type Prng, prng } from './prng.ts';

/** Whole files of every format that `inspect` reads. */
function file(random: Prng): Buffer {
  const kind = random.int(4);
  if (kind === 0) return frames(random);
  if (kind === 1) return Buffer.from(lines(random));
  const client: Endpoint = { address: addressBytes('10.0.0.1'), port: 1, sequence: random.int(2 ** 31) * 2 };
  const server: Endpoint = { address: addressBytes('::1'), port: 80, sequence: 0 };
  const to: Endpoint = kind === 2 ? { ...server, address: addressBytes('10.0.0.2') } : server;
  const from: Endpoint = kind === 2 ? client : { ...client, address: addressBytes('fe80::1') };
  const bytes = frames(random);
  const packets = [
    tcpPacket(from, to, TCP.SYN, Buffer.alloc(0)),
    tcpPacket(from, to, TCP.ACK, Buffer.from('GET / HTTP/1.1\r\nSec-WebSocket-Key: x\r\n\r\n')),
    tcpPacket(
      to,
      from,
      TCP.ACK,
      Buffer.from('HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n'),
    ),
    ...random
      .cut(bytes, 3)
      .map((part) => tcpPacket(random.bool(0.9) ? from : to, random.bool(0.9) ? to : from, TCP.ACK, part)),
  ];
  return Buffer.concat([
    fileHeader('fuzz'),
    ...packets.map((packet, i) => packetBlock(i, packet, random.bool() ? 'id' : '')),
  ]);
}

function frames(random: Prng): Buffer {
  return Buffer.concat(
    Array.from({ length: random.int(6) }, () =>
      random.bool(0.3)
        ? text(random.bytes(random.int(40)), {
            fin: random.bool(),
            rsv1: random.bool(0.2),
            mask: random.bool(0.8) && random.bytes(4),
          })
        : random.bool(0.3)
          ? continuation(random.bytes(random.int(20)), { fin: random.bool() })
          : frame({
              opcode: random.int(16),
              payload: random.bytes(random.int(130)),
              rsv2: random.bool(0.05),
            }),
    ),
  );
}

function lines(random: Prng): string {
  const head = {
    id: 'a',
    protocol: '',
    extensions: random.pick(['', 'permessage-deflate', ';;', 'x; y=1']),
    role: random.pick(['server', 'client', 'x']),
  };
  const rows: object[] = [{ capture: 1, ...head, openedAt: '2026-01-01T00:00:00Z' }];
  for (let i = random.int(8); i > 0; i--)
    rows.push(
      random.pick<object>([
        {
          t: i,
          id: 'a',
          dir: random.pick(['in', 'out']),
          fin: random.bool(),
          rsv: random.int(9),
          opcode: random.int(17),
          masked: random.bool(),
          length: random.int(4),
          payload: random.bytes(random.int(4)).toString('base64'),
        },
        {
          t: i,
          id: 'a',
          dir: 'in',
          violation: { code: random.pick(['ERR_RSV', 'x']), section: '', reason: '' },
        },
        { t: i, id: random.pick(['a', 'b']), close: { code: 1000, reason: '', wasClean: true, cause: 'x' } },
        { t: i, id: 'a', dir: 'in', unfinished: { header: random.pick(['', '81', 'zz']) } },
        { dropped: 3 },
        { end: 'closed' },
        { id: 'a' },
        [],
      ]),
    );
  return rows.map((row) => JSON.stringify(row)).join(random.pick(['\n', '\n\n', '']));
}

function mutated(random: Prng, bytes: Buffer): Buffer {
  let changed = bytes;
  for (let i = random.int(5); i > 0 && changed.length > 0; i--) {
    const at = random.int(changed.length);
    if (random.bool(0.7)) changed[at] = random.bool() ? random.int(256) : random.pick([0, 0xff, 0x7f, 0x80]);
    else if (random.bool()) changed = changed.subarray(0, at);
    else
      changed = Buffer.concat([changed.subarray(0, at), random.bytes(random.int(6)), changed.subarray(at)]);
  }
  return changed;
}

/** Frames cannot have more bytes than the file, and are numbered from 1. */
function check({ connections }: Inspection, bytes: number): void {
  for (const { frames } of connections)
    for (const [i, one] of frames.entries()) {
      if (one.number !== i + 1) throw new Error(`frame ${i + 1} has the number ${one.number}`);
      if (one.payload.length > bytes) throw new Error(`a payload of ${one.payload.length} bytes`);
    }
}

/**
 * Gives mutated files to the readers of captures. Invariants: any bytes give a description or one MisuseError, never another
 * exception, and never an endless loop; the file stays as it was; reading it again gives the same.
 * @throws Error that names seed, iteration and bytes.
 */
export function fuzzCaptures(seed: number, iterations: number): void {
  const random = prng(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const bytes = mutated(random, file(random));
    const before = Buffer.from(bytes);
    const isPlain = random.bool(0.2);
    try {
      const first = outcome(bytes, isPlain);
      if (typeof first !== 'string') check(first, bytes.length);
      if (JSON.stringify(first) !== JSON.stringify(outcome(bytes, isPlain)))
        throw new Error('not the same again');
      if (!bytes.equals(before)) throw new Error('the file was changed');
      refusable(() => readCapture(bytes));
    } catch (error) {
      throw new Error(`seed ${seed}, iteration ${iteration}: ${before.toString('hex')}`, { cause: error });
    }
  }
}

const outcome = (bytes: Buffer, isPlain: boolean): Inspection | string =>
  refusable(() => inspect(bytes, { isPlain, maxMessageBytes: 100_000 }));

function refusable<Answer>(read: () => Answer): Answer | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof MisuseError) return error.message;
    throw error;
  }
}
