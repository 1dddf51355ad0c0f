import type { InspectedConnection, InspectedFrame, Inspection, Violation } from '../../observe/index.ts';
import { printable } from '../../protocol/index.ts';
import { hexDump } from '../hex-dump.ts';

const WIDTH = 80;
/** Bytes and characters of a payload that are shown without `--full`. */
const MAX_SHOWN_BYTES = 256;
const MAX_SHOWN_CHARACTERS = 1_024;

const COLOURS = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33', cyan: '36' } as const;
export type Colour = keyof typeof COLOURS;
/** Colours a text, or returns it unchanged. */
export type Paint = (colour: Colour, text: string) => string;

export const painter =
  (hasColours: boolean): Paint =>
  (colour, text) =>
    hasColours ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;

const number = (value: number): string => value.toLocaleString('en-US');
const counted = (count: number, unit: string): string => `${number(count)} ${unit}${count === 1 ? '' : 's'}`;

/** How to show frames. */
export interface RenderOptions {
  readonly paint: Paint;
  /** Whether every frame gets its fields. */
  readonly hasFields: boolean;
  /** Whole payloads. */
  readonly isFull: boolean;
  /** The only frame to show. */
  readonly only: number | undefined;
}

/** Lines for a terminal: 80 columns, except for whole payloads. */
export function* renderInspection(inspection: Inspection, options: RenderOptions): IterableIterator<string> {
  const { format, connections, notes } = inspection;
  if (format !== 'bytes') {
    const frames = connections.reduce((count, connection) => count + connection.frames.length, 0);
    yield `${format}: ${counted(connections.length, 'connection')}, ${counted(frames, 'frame')}`;
  }
  for (const note of notes) yield* noteLines(note, options.paint);
  for (const connection of connections) yield* connectionLines(connection, format !== 'bytes', options);
}

function* connectionLines(
  connection: InspectedConnection,
  hasTitle: boolean,
  options: RenderOptions,
): IterableIterator<string> {
  const { paint, hasFields, only } = options;
  const { id, protocol, extensions, frames, end, violations, notes } = connection;
  if (hasTitle) {
    yield '';
    yield paint('bold', `connection ${printable(id)}`);
    if (protocol !== '') yield `  subprotocol  ${printable(protocol)}`;
    if (extensions !== '') yield* wrappedLines('  extensions   ', printable(extensions));
  }
  const shown = only === undefined ? frames : frames.filter((frame) => frame.number === only);
  if (hasFields) for (const frame of shown) yield* frameLines(frame, options);
  else if (shown.length === 0) yield '  no whole frame';
  else {
    const hasTime = shown.some(({ timeMs }) => timeMs !== undefined);
    yield '';
    yield paint('dim', `    #  ${hasTime ? '     ms' : '   byte'}  from    opcode        bytes  payload`);
    for (const frame of shown) yield* listLines(frame, paint);
  }
  if (hasTitle || notes.length + violations.length > 0) yield '';
  for (const violation of violations) yield* violationLines(violation, paint, `the ${violation.from}: `);
  for (const note of notes) yield* noteLines(note, paint);
  if (end !== undefined) yield* wrappedLines('  end  ', printable(end));
}

/** One line for a frame, and one for each violation. */
function* listLines(frame: InspectedFrame, paint: Paint): IterableIterator<string> {
  const { timeMs, offset, from, fin, length, violations } = frame;
  const where = timeMs === undefined ? number(offset ?? 0) : timeMs.toFixed(3);
  const kind = `${frame.kind}${fin ? '' : '+'}${frame.rsv1 ? ' z' : ''}`;
  const start =
    `${number(frame.number).padStart(5)}  ${where.padStart(10).slice(-10)}  ` +
    `${from.padEnd(6)}  ${kind.padEnd(11)} ${number(length).padStart(7)}  `;
  yield `${paint(violations.length > 0 ? 'red' : from === 'client' ? 'cyan' : 'green', start)}${preview(frame, WIDTH - start.length)}`;
  for (const violation of violations) yield* violationLines(violation, paint, '');
  for (const note of frame.notes) yield* noteLines(note, paint);
}

function preview({ message, close, payload, isComplete, length }: InspectedFrame, width: number): string {
  if (close !== undefined)
    return cut(close.code === 1005 ? '(no code)' : `${close.code} ${printable(close.reason)}`.trim(), width);
  if (message !== undefined) {
    if (message.isText) return cut(printable(message.data.toString('utf8', 0, width * 4)), width);
    return cut(message.data.toString('hex', 0, width), width);
  }
  if (length === 0) return '';
  if (payload.length === 0) return cut('(not recorded)', width);
  return cut(`${payload.toString('hex', 0, width)}${isComplete ? '' : '…'}`, width);
}

const cut = (text: string, width: number): string => {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
};

/** All fields of a frame, its payload and its violations. */
function* frameLines(frame: InspectedFrame, options: RenderOptions): IterableIterator<string> {
  const { paint } = options;
  const { from, timeMs, offset, fields } = frame;
  const to = from === 'client' ? 'server' : 'client';
  const at =
    timeMs === undefined
      ? offset === undefined
        ? ''
        : `, byte ${number(offset)}`
      : `, ${timeMs.toFixed(3)} ms`;
  yield '';
  yield paint('bold', `frame ${number(frame.number)}, ${from} to ${to}${at}`);
  const rows = fields.map(({ bits, name, value, meaning }) => [bits, name, value, meaning] as const);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const [bits, name, value, meaning] of rows)
    yield `  ${paint('dim', bits.padStart(widths[0]!))}  ${name.padEnd(widths[1]!)}  ${paint('cyan', value.padEnd(widths[2]!))}  ${meaning}`.trimEnd();
  yield* payloadLines(frame, options);
  for (const violation of frame.violations) yield* violationLines(violation, paint, '');
  for (const note of frame.notes) yield* noteLines(note, paint);
}

function* payloadLines(frame: InspectedFrame, { paint, isFull }: RenderOptions): IterableIterator<string> {
  const { message, close, payload, isComplete, length } = frame;
  if (close !== undefined) {
    yield close.code === 1005
      ? '  no close code'
      : `  close code ${close.code}${close.reason === '' ? '' : `, reason ${JSON.stringify(printable(close.reason))}`}`;
    return;
  }
  if (length === 0 && message === undefined) return;
  if (message !== undefined) {
    const { data, isText, isCompressed, frames } = message;
    const kind = `${isText ? 'text' : 'binary'} message, ${counted(data.length, 'byte')}`;
    const joined = frames > 1 ? `, joined from ${frames} frames` : '';
    yield paint(
      'dim',
      `  ${kind}${joined}${frame.masked ? ', unmasked' : ''}${isCompressed ? ', inflated' : ''}`,
    );
    if (data.length > 0) yield* isText ? textLines(data, isFull) : dumpLines(data, isFull);
    return;
  }
  const state = isComplete ? '' : `, ${counted(payload.length, 'byte')} recorded`;
  yield paint('dim', `  payload${frame.masked ? ', unmasked' : ''}${state}`);
  yield* dumpLines(payload, isFull);
}

function* textLines(data: Buffer, isFull: boolean): IterableIterator<string> {
  const text = data.toString('utf8');
  const shown = isFull
    ? text
    : Array.from(text.slice(0, MAX_SHOWN_CHARACTERS * 2))
        .slice(0, MAX_SHOWN_CHARACTERS)
        .join('');
  for (const line of shown.split(/\r?\n/))
    yield* chunksOf(printable(line), WIDTH - 4).map((part) => `    ${part}`);
  if (shown.length < text.length)
    yield `    … ${number(text.length - shown.length)} more characters; --full shows them`;
}

function chunksOf(text: string, size: number): string[] {
  const characters = Array.from(text);
  const chunks = [];
  for (let at = 0; at < characters.length; at += size) chunks.push(characters.slice(at, at + size).join(''));
  return chunks;
}

function* dumpLines(data: Buffer, isFull: boolean): IterableIterator<string> {
  const shown = isFull ? data : data.subarray(0, MAX_SHOWN_BYTES);
  for (const line of hexDump(shown)) yield `    ${line}`;
  if (shown.length < data.length)
    yield `    … ${counted(data.length - shown.length, 'more byte')}; --full shows them`;
}

/** The section of a rule, with its document. */
export const sectionName = ({ section }: Pick<Violation, 'section'>): string =>
  section.startsWith('§') ? `RFC 6455 ${section}` : section;

function* violationLines(violation: Violation, paint: Paint, who: string): IterableIterator<string> {
  const title = `  ! ${violation.code}, ${sectionName(violation)}: `;
  for (const line of wrapped(`${title}${who}${printable(violation.reason)}`, WIDTH, '    '))
    yield paint('red', line);
}

function* noteLines(note: string, paint: Paint): IterableIterator<string> {
  for (const line of wrapped(`  note: ${printable(note)}`, WIDTH, '        ')) yield paint('yellow', line);
}

function* wrappedLines(title: string, text: string): IterableIterator<string> {
  yield* wrapped(title + text, WIDTH, ' '.repeat(title.length));
}

/** Breaks text at blanks. A longer word stays whole. */
function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = /^ */.exec(text)![0];
  let isEmpty = true;
  for (const word of text.trimStart().split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = isEmpty ? line + word : `${line} ${word}`;
    isEmpty = false;
  }
  lines.push(line);
  return lines;
}
