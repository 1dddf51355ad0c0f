import type { Buffer } from 'node:buffer';
import type { Segment } from './tcp-segments.ts';

/** Bytes of one direction of a TCP stream, in order. */
export interface StreamChunk {
  /** Whether the first endpoint of the stream sent them. */
  readonly byFirst: boolean;
  readonly timeMs: number;
  readonly bytes: Buffer;
  /** Bytes missing before these: the file does not contain them. */
  readonly missingBytes: number;
}

/** One TCP connection of a file. */
export interface TcpStream {
  /** Address and port; the first one sent the first packet. */
  readonly first: string;
  readonly second: string;
  /** The comment of its packets, if they have one. */
  comment: string;
  readonly chunks: StreamChunk[];
}

/** Segments that wait for an earlier one. Further ones show that the earlier one is missing. */
const MAX_WAITING_SEGMENTS = 256;
const SEQUENCE_NUMBERS = 2 ** 32;

/** How far `sequence` is ahead of `base`; negative if it is behind. Sequence numbers wrap around. */
function ahead(sequence: number, base: number): number {
  const distance = (sequence - base + SEQUENCE_NUMBERS) % SEQUENCE_NUMBERS;
  return distance >= SEQUENCE_NUMBERS / 2 ? distance - SEQUENCE_NUMBERS : distance;
}

/** One direction of a stream: puts its segments in order. */
class Direction {
  readonly #stream: TcpStream;
  readonly #byFirst: boolean;
  #next: number | undefined;
  #waiting: Segment[] = [];

  constructor(stream: TcpStream, byFirst: boolean) {
    this.#stream = stream;
    this.#byFirst = byFirst;
  }

  /** Whether a SYN begins another connection between the same endpoints. */
  isNew({ sequence }: Segment): boolean {
    return this.#next !== undefined && ahead(sequence + 1, this.#next) !== 0;
  }

  add(segment: Segment): void {
    if (segment.isSyn) {
      this.#next = (segment.sequence + 1) % SEQUENCE_NUMBERS;
      return;
    }
    if (segment.payload.length === 0) return;
    this.#next ??= segment.sequence;
    this.#waiting.push(segment);
    this.#takeReady();
    if (this.#waiting.length > MAX_WAITING_SEGMENTS) this.#skipGap();
  }

  /** No more segments come. */
  finish(): void {
    while (this.#waiting.length > 0) this.#skipGap();
  }

  #takeReady(): void {
    for (;;) {
      const at = this.#waiting.findIndex(({ sequence }) => ahead(sequence, this.#next!) <= 0);
      if (at < 0) return;
      const [segment] = this.#waiting.splice(at, 1);
      this.#take(segment!, 0);
    }
  }

  #skipGap(): void {
    const base = this.#next!;
    const missing = Math.min(...this.#waiting.map(({ sequence }) => ahead(sequence, base)));
    const at = this.#waiting.findIndex(({ sequence }) => ahead(sequence, base) === missing);
    const [segment] = this.#waiting.splice(at, 1);
    this.#next = segment!.sequence;
    this.#take(segment!, missing);
    this.#takeReady();
  }

  /** Takes what is new of a segment: parts of it may have been sent before. */
  #take({ sequence, payload, timeMs }: Segment, missingBytes: number): void {
    const known = -ahead(sequence, this.#next!);
    if (known >= payload.length) return;
    const bytes = payload.subarray(known);
    this.#next = (this.#next! + bytes.length) % SEQUENCE_NUMBERS;
    this.#stream.chunks.push({ byFirst: this.#byFirst, timeMs, bytes, missingBytes });
  }
}

interface OpenStream {
  readonly stream: TcpStream;
  readonly first: Direction;
  readonly second: Direction;
}

/** Joins segments to streams. Segments may repeat and arrive out of order; missing bytes are counted. */
export function tcpStreams(segments: Iterable<Segment>): TcpStream[] {
  const streams: OpenStream[] = [];
  const open = new Map<string, OpenStream>();
  for (const segment of segments) {
    const key = [segment.from, segment.to].sort().join(' ');
    let current = open.get(key);
    const isSecond = current !== undefined && current.stream.first !== segment.from;
    if (
      current === undefined ||
      (segment.isSyn && (isSecond ? current.second : current.first).isNew(segment))
    ) {
      current = openStream(segment);
      open.set(key, current);
      streams.push(current);
    }
    if (current.stream.comment === '') current.stream.comment = segment.comment;
    (current.stream.first === segment.from ? current.first : current.second).add(segment);
  }
  return streams.map(({ stream, first, second }) => {
    first.finish();
    second.finish();
    return stream;
  });
}

function openStream({ from, to, comment }: Segment): OpenStream {
  const stream: TcpStream = { first: from, second: to, comment, chunks: [] };
  return { stream, first: new Direction(stream, true), second: new Direction(stream, false) };
}
