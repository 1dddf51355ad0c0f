import { Buffer } from 'node:buffer';
import type { Role } from '../protocol/constants.ts';
import { MisuseError } from '../protocol/errors.ts';
import { type BeginLine, type CloseFields, readJsonl } from '../observe/inspect/jsonl.ts';
import { checkArgument, TEXT_OR_BYTES } from './call-check.ts';

/** One frame of a captured connection. */
export interface CapturedFrame {
  /** `in`: the capturing side received it. */
  readonly dir: 'in' | 'out';
  /** Ms since the capture began. */
  readonly timeMs: number;
  /** The frame as on the wire; a masked one has the key 0. The header only, if the connection ended inside the frame. */
  readonly bytes: Buffer;
  /** Whether `bytes` has the whole payload. */
  readonly isComplete: boolean;
}

/** One connection of a capture. */
export interface CapturedConnection {
  readonly id: string;
  readonly protocol: string;
  readonly extensions: string;
  /** The side that captured it. */
  readonly role: Role;
  /** Wall time at which it opened. */
  readonly openedAt: Date;
  /** Whether the capture has every frame from the first one on. */
  readonly isWhole: boolean;
  readonly frames: readonly CapturedFrame[];
  /** How it ended; `undefined` if the capture ended first. */
  readonly close: CloseFields | undefined;
}

/**
 * Reads a capture in `jsonl` of `capture` in `hawser/observe`.
 * @param content The file, as text or bytes.
 * @returns Its connections, in the order in which their captures began.
 * @throws MisuseError `ERR_ARGUMENT` for a line that cannot be read, and for a capture without connection or with dropped records.
 */
export function readCapture(content: string | Uint8Array): CapturedConnection[] {
  checkArgument('readCapture', 'content', content, TEXT_OR_BYTES);
  const text = typeof content === 'string' ? content : Buffer.from(content).toString('utf8');
  const connections = new Map<string, { begin: BeginLine; frames: CapturedFrame[]; close?: CloseFields }>();
  for (const line of readJsonl(text)) {
    if (line.is === 'dropped')
      throw new MisuseError(
        'ERR_ARGUMENT',
        `readCapture: ${line.records} records were dropped, because the sink was slow`,
      );
    if (line.is === 'end') continue;
    if (line.is === 'begin') {
      connections.set(line.id, { begin: line, frames: [] });
      continue;
    }
    const connection = connections.get(line.id);
    if (connection === undefined || line.is === 'violation') continue;
    if (line.is === 'close') connection.close = line.close;
    else if (line.is === 'unfinished')
      connection.frames.push({ dir: line.dir, timeMs: line.timeMs, bytes: line.header, isComplete: true });
    else {
      const { header, payload, length } = line.frame;
      connection.frames.push({
        dir: line.dir,
        timeMs: line.timeMs,
        bytes: Buffer.concat([header, payload]),
        isComplete: payload.length === length,
      });
    }
  }
  if (connections.size === 0)
    throw new MisuseError('ERR_ARGUMENT', 'readCapture: no line begins a connection; format jsonl is needed');
  return [...connections.values()].map(({ begin, frames, close }) => {
    const { id, protocol, extensions, role, openedAt, isWhole } = begin;
    return { id, protocol, extensions, role, openedAt: new Date(openedAt), isWhole, frames, close };
  });
}
