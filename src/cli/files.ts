import { readFileSync } from 'node:fs';
import { CommandError } from './command.ts';

/** Reads a file. @throws CommandError that names the flag. */
export function textOfFile(flag: string, path: string): string {
  return bytesOfFile(flag, path).toString('utf8');
}

/** Reads a file. @throws CommandError that names the flag. */
export function bytesOfFile(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(`${flag}: cannot read the file: ${why}`, { cause: error });
  }
}
