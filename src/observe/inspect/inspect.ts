import { type Buffer, isUtf8 } from 'node:buffer';
import type { Role } from '../../protocol/constants.ts';
import { MisuseError } from '../../protocol/errors.ts';
import { type BeginLine, isJsonl, readJsonl } from './jsonl.ts';
import { ConnectionReader } from './connection-reader.ts';
import { type InspectOptions, readInspectArguments } from './inspect-options.ts';
import type { Inspection } from './model.ts';
import type { PacketFile } from './packet-file.ts';
import { isPcap, readPcap } from './pcap.ts';
import { isPcapng, readPcapng } from './pcapng.ts';
import { isKnownLink, readSegment, type Segment } from './tcp-segments.ts';
import { tcpStreams } from './tcp-streams.ts';
import { upgradedStream } from './upgrade.ts';

/**
 * Explains recorded WebSocket traffic: every field of every frame, the payload unmasked and inflated, and each violation of RFC 6455
 * and RFC 7692. Reads a capture of {@link capture} in both formats, a pcap or pcapng file with TCP connections that begin with their
 * handshake, or plain bytes that begin with a frame. TLS is not decrypted.
 * @param content A file, or the bytes of frames that one side has sent. Not changed; the result shares its memory.
 * @throws MisuseError `ERR_ARGUMENT` for a file that cannot be read, and for another argument; `ERR_OPTION` for an option.
 */
export function inspect(content: Uint8Array, options?: InspectOptions): Inspection;
export function inspect(...given: readonly unknown[]): Inspection {
  const { content, role, extensions, maxMessageBytes, isPlain } = readInspectArguments(given);
  if (!isPlain) {
    if (isPcap(content)) return packets('pcap', readPcap(content), maxMessageBytes);
    if (isPcapng(content)) return packets('pcapng', readPcapng(content), maxMessageBytes);
    if (content[0] === 0x7b && isUtf8(content)) return lines(content.toString('utf8'), maxMessageBytes);
  }
  return plain(content, role, extensions, maxMessageBytes);
}

/** Frames of one side, without a handshake. */
function plain(
  content: Buffer,
  role: Role | undefined,
  extensions: string | undefined,
  maxMessageBytes: number,
): Inspection {
  // Only clients mask.
  const from = role ?? (content.length > 1 && content[1]! < 0x80 ? 'server' : 'client');
  const reader = new ConnectionReader({ id: '', protocol: '', extensions, isWhole: true }, maxMessageBytes);
  reader.bytes({ from, timeMs: undefined, bytes: content, missingBytes: 0 });
  return { format: 'bytes', connections: [reader.finish()], notes: [] };
}

function lines(text: string, maxMessageBytes: number): Inspection {
  if (!isJsonl(text)) throw new MisuseError('ERR_ARGUMENT', 'the file is not a capture');
  const readers = new Map<string, { readonly reader: ConnectionReader; readonly begin: BeginLine }>();
  const notes: string[] = [];
  const unknown = new Set<string>();
  let isEnded = false;
  let isOfFrame = false;
  for (const line of readJsonl(text)) {
    if (line.is === 'begin') {
      const facts = {
        id: line.id,
        protocol: line.protocol,
        extensions: line.extensions,
        isWhole: line.isWhole,
      };
      readers.set(line.id, { reader: new ConnectionReader(facts, maxMessageBytes), begin: line });
    } else if (line.is === 'dropped') {
      notes.push(`${line.records.toLocaleString('en-US')} records were dropped, because the sink was slow`);
      for (const { reader } of readers.values()) reader.lose();
    } else if (line.is === 'end') {
      isEnded = true;
      if (line.reason !== 'closed' && line.reason !== 'stopped')
        notes.push(`the capture ended: ${line.reason}`);
    } else {
      const known = readers.get(line.id);
      if (known === undefined) {
        unknown.add(line.id);
        continue;
      }
      const { reader, begin } = known;
      if (line.is === 'close') {
        const { code, reason, wasClean, cause, error } = line.close;
        const clean = wasClean ? 'clean' : 'not clean';
        reader.end = `code ${code}${reason === '' ? '' : ` ${JSON.stringify(reason)}`}, ${clean}, cause ${cause}${error === undefined ? '' : ` (${error})`}`;
        continue;
      }
      const from: Role = (line.dir === 'in') === (begin.role === 'server') ? 'client' : 'server';
      if (line.is === 'frame')
        reader.frame(from, line.frame, { timeMs: line.timeMs, offset: undefined, key: undefined });
      else if (line.is === 'violation') reader.violation(from, line.violation, isOfFrame);
      else reader.notes.push(`the bytes of the ${from} end inside a frame`);
      isOfFrame = line.is === 'frame';
    }
  }
  if (unknown.size > 0)
    notes.push(`${unknown.size} connections have frames but no first line; they were skipped`);
  if (readers.size === 0)
    throw new MisuseError('ERR_ARGUMENT', 'the file is not a capture: no line begins a connection');
  if (!isEnded) notes.push('the file has no last line: the capture was cut off');
  return { format: 'jsonl', connections: [...readers.values()].map(({ reader }) => reader.finish()), notes };
}

function packets(format: 'pcap' | 'pcapng', file: PacketFile, maxMessageBytes: number): Inspection {
  const notes = file.note === undefined ? [] : [file.note];
  const segments: Segment[] = [];
  const links = new Set<number>();
  for (const packet of file.packets) {
    if (!isKnownLink(packet.link)) links.add(packet.link);
    const segment = readSegment(packet);
    if (segment !== undefined) segments.push(segment);
  }
  if (links.size > 0)
    notes.push(`packets of the link types ${[...links].join(', ')} cannot be read and were skipped`);
  const startMs = segments[0]?.timeMs ?? 0;
  const skipped = { tls: 0, refused: 0, other: 0 };
  const connections = [];
  for (const stream of tcpStreams(segments)) {
    const upgraded = upgradedStream(stream);
    if (typeof upgraded === 'string') {
      if (stream.chunks.length > 0) skipped[upgraded]++;
      continue;
    }
    const { protocol, extensions, chunks } = upgraded;
    const id = stream.comment === '' ? `${stream.first} ${stream.second}` : stream.comment;
    const reader = new ConnectionReader({ id, protocol, extensions, isWhole: true }, maxMessageBytes);
    for (const chunk of chunks)
      reader.bytes({ ...chunk, timeMs: chunk.timeMs === undefined ? undefined : chunk.timeMs - startMs });
    connections.push(reader.finish());
  }
  if (skipped.tls > 0)
    notes.push(
      `skipped ${skipped.tls} encrypted (TLS); record inside the process with capture() of hawser/observe instead`,
    );
  if (skipped.refused > 0)
    notes.push(`skipped ${skipped.refused} with an upgrade request, but without a 101 response`);
  if (skipped.other > 0) notes.push(`skipped ${skipped.other} without a WebSocket handshake in the file`);
  return { format, connections, notes };
}
