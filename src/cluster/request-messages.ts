import { Buffer, isUtf8 } from 'node:buffer';
import { EngineError } from '../protocol/errors.ts';

/** Longest answer, in bytes of its JSON text. */
export const MAX_ANSWER_BYTES = 65_536;
/** Longest subject of a question: a topic of 256 bytes, or the id of a connection. */
const MAX_SUBJECT_BYTES = 256;
/** Longest first line: two names of 32 characters, and two numbers. */
const MAX_LINE_BYTES = 128;
const LINE_FEED = 0x0a;
const MAX_MS = 2 ** 31 - 1;

/** A question to all nodes. */
export interface AskMessage {
  /** The node that asks. */
  readonly from: string;
  /** Number of the question: new for each question of the node. */
  readonly id: number;
  /** A word. A node that does not know it answers `unsupported`. */
  readonly kind: string;
  /** How long the node waits for answers. */
  readonly deadlineMs: number;
  readonly subject: string;
}

/** `failed`: the node could not answer, or its answer was too long. */
export type AnswerStatus = 'ok' | 'unsupported' | 'failed';

/** The answer to a question. */
export interface AnswerMessage {
  /** The node that answers. */
  readonly from: string;
  readonly id: number;
  readonly status: AnswerStatus;
  /** Missing unless `status` is `ok`. */
  readonly value: unknown;
}

/** A message for all connections of all nodes. */
export interface BroadcastMessage {
  readonly from: string;
  /** A view of the message. */
  readonly frame: Uint8Array;
}

const invalid = (what: string): EngineError => new EngineError('ERR_ENGINE_MESSAGE', what);

/** The control message of a question: `ask`, a line of the node, the number, the kind and the deadline, and the subject. */
export const writeAsk = ({ from, id, kind, deadlineMs, subject }: AskMessage): Buffer =>
  Buffer.from(`ask ${from} ${id} ${kind} ${deadlineMs}\n${subject}`, 'utf8');

/** The control message of an answer: `answer`, a line of the node, the number and the status, and the value as JSON. */
export function writeAnswer(from: string, id: number, value: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(value), 'utf8');
  if (json.length > MAX_ANSWER_BYTES) return writeRefusal(from, id, 'failed');
  return Buffer.concat([Buffer.from(`answer ${from} ${id} ok\n`, 'latin1'), json]);
}

/** The control message of a node that does not answer a question. */
export const writeRefusal = (from: string, id: number, status: Exclude<AnswerStatus, 'ok'>): Buffer =>
  Buffer.from(`answer ${from} ${id} ${status}\n`, 'latin1');

/** The control message of a broadcast: `broadcast`, a line of the node, and the frame. */
export const writeBroadcast = (from: string, frame: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`broadcast ${from}\n`, 'latin1'), frame]);

const ASK = /^([A-Za-z0-9_-]{1,32}) ([1-9]\d{0,15}) ([a-z-]{1,32}) ([1-9]\d{0,9})$/;
const ANSWER = /^([A-Za-z0-9_-]{1,32}) ([1-9]\d{0,15}) (ok|unsupported|failed)$/;
const BROADCAST = /^([A-Za-z0-9_-]{1,32})$/;

/**
 * Reads what follows the word `ask`.
 * @throws EngineError `ERR_ENGINE_MESSAGE` unless it is as {@link writeAsk} writes it.
 */
export function readAsk(bytes: Uint8Array): AskMessage {
  const [[, from, number, kind, ms], subject] = split(bytes, ASK, 'a question');
  const id = safe(number!);
  const deadlineMs = Number(ms);
  if (deadlineMs > MAX_MS) throw invalid('the deadline of a question is too long');
  if (subject.length > MAX_SUBJECT_BYTES || !isUtf8(subject))
    throw invalid(`the subject of a question is not a text of at most ${MAX_SUBJECT_BYTES} bytes`);
  return { from: from!, id, kind: kind!, deadlineMs, subject: textOf(subject) };
}

/**
 * Reads what follows the word `answer`.
 * @throws EngineError `ERR_ENGINE_MESSAGE` unless it is as {@link writeAnswer} or {@link writeRefusal} writes it.
 */
export function readAnswer(bytes: Uint8Array): AnswerMessage {
  const [[, from, number, word], json] = split(bytes, ANSWER, 'an answer');
  const id = safe(number!);
  const status = word as AnswerStatus;
  if (status !== 'ok') {
    if (json.length > 0) throw invalid('an answer without a value has one');
    return { from: from!, id, status, value: undefined };
  }
  if (json.length > MAX_ANSWER_BYTES)
    throw invalid(`an answer of ${json.length} bytes is over the limit of ${MAX_ANSWER_BYTES}`);
  return { from: from!, id, status, value: parsed(json) };
}

/**
 * Reads what follows the word `broadcast`.
 * @throws EngineError `ERR_ENGINE_MESSAGE` for a first line that {@link writeBroadcast} does not write. The caller checks the frame.
 */
export function readBroadcast(bytes: Uint8Array): BroadcastMessage {
  const [[, from], frame] = split(bytes, BROADCAST, 'a broadcast');
  return { from: from!, frame };
}

/** The words of the first line, and the bytes after it. */
function split(bytes: Uint8Array, line: RegExp, what: string): readonly [RegExpExecArray, Uint8Array] {
  const end = bytes.subarray(0, MAX_LINE_BYTES).indexOf(LINE_FEED);
  const words = end < 0 ? null : line.exec(textOf(bytes.subarray(0, end)));
  if (words === null) throw invalid(`the first line of ${what} is invalid`);
  return [words, bytes.subarray(end + 1)];
}

function safe(number: string): number {
  const id = Number(number);
  if (!Number.isSafeInteger(id)) throw invalid('the number of a question is too large');
  return id;
}

function parsed(json: Uint8Array): unknown {
  try {
    if (isUtf8(json)) return JSON.parse(textOf(json)) as unknown;
  } catch {
    // Reported below.
  }
  throw invalid('an answer is no JSON');
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
