import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
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
    throw failed(flag, 'read', error);
  }
}

/** Checks before a long run that a file can be written. @throws CommandError that names the flag. */
export function checkWritable(flag: string, path: string): void {
  try {
    accessSync(existsSync(path) ? path : dirname(path), constants.W_OK);
  } catch (error) {
    throw failed(flag, 'write', error);
  }
}

/** Writes a file. @throws CommandError that names the flag. */
export function writeText(flag: string, path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw failed(flag, 'write', error);
  }
}

function failed(flag: string, step: 'read' | 'write', error: unknown): CommandError {
  const why = error instanceof Error ? error.message : String(error);
  return new CommandError(`${flag}: cannot ${step} the file: ${why}`, { cause: error });
}
