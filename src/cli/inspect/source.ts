import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { CommandError, UsageError } from '../command.ts';

/** Hexadecimal digits with the separators that people paste: blanks, commas, colons, `0x`. */
const HEX = /^(?:(?:0x)?[\da-f]{2}[\s,:]*)+$/i;
/** Longer text is not tested for being hex: a file of this size is no paste. */
const MAX_HEX_CHARACTERS = 16_777_216;

/** What to inspect. */
export interface Source {
  readonly bytes: Buffer;
  /** Name for messages. */
  readonly name: string;
  /** Plain bytes, whatever they look like. */
  readonly isPlain: boolean;
  /** Typed or pasted as hex. */
  readonly isHex: boolean;
}

/** @returns `undefined` for text that is not hex. */
export function bytesOfHexText(text: string): Buffer | undefined {
  const trimmed = text.trim();
  if (trimmed.length > MAX_HEX_CHARACTERS || !HEX.test(trimmed)) return undefined;
  return Buffer.from(trimmed.replaceAll(/0x|[\s,:]/gi, ''), 'hex');
}

/**
 * Reads what the arguments name: a file, hex digits (in one argument or several), or `-` for standard input.
 * @param isRaw Content of a file is never hex, nor a capture.
 * @throws UsageError for an argument that is neither; CommandError for a file that cannot be read.
 */
export async function sourceOf(
  args: readonly string[],
  isRaw: boolean,
  input: () => Readable,
): Promise<Source> {
  const [first] = args;
  if (first === undefined)
    throw new UsageError('a file or hex digits are missing: hawser inspect <file | hex>');
  if (first === '-') {
    if (args.length > 1) throw new UsageError(`unexpected argument '${args[1]}'`);
    return fromContent(await wholeOf(input()), 'standard input', isRaw);
  }
  const fault = args.length === 1 ? readFile(first) : undefined;
  if (Buffer.isBuffer(fault)) return fromContent(fault, first, isRaw);
  const bytes = bytesOfHexText(args.join(' '));
  if (bytes !== undefined) return { bytes, name: 'the hex digits', isPlain: true, isHex: true };
  if (args.length > 1) throw new UsageError(`'${args.join(' ')}' are not pairs of hex digits`);
  const code = fault?.code;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG')
    throw new CommandError(`'${first}' is neither a file nor pairs of hex digits`, { cause: fault });
  throw new CommandError(`${first}: ${fault?.message ?? 'it cannot be read'}`, { cause: fault });
}

function fromContent(content: Buffer, name: string, isRaw: boolean): Source {
  const isText = !isRaw && content.length > 0 && content.length <= MAX_HEX_CHARACTERS;
  const bytes = isText ? bytesOfHexText(content.toString('latin1')) : undefined;
  return bytes === undefined
    ? { bytes: content, name, isPlain: isRaw, isHex: false }
    : { bytes, name, isPlain: true, isHex: true };
}

function readFile(path: string): Buffer | NodeJS.ErrnoException {
  try {
    return readFileSync(path);
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

async function wholeOf(input: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks);
}
