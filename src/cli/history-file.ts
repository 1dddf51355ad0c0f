import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { printable } from '../protocol/index.ts';

/** Maximum number of lines in the file; while a session runs, twice as many. */
export const MAX_LINES = 1_000;
/** A longer line is not stored. */
export const MAX_LINE_CHARACTERS = 4_096;
/** Read and write for the owner, nothing for others. */
const OWNER_ONLY = 0o600;

/**
 * Typed lines, kept for later sessions: a text file, one line each, the newest last, readable by its owner only. Sessions may run
 * side by side: each appends. A line is not stored if it contains a secret, begins with a space, is empty, or is too long.
 */
export class HistoryFile {
  readonly path: string;
  readonly #folder: string;
  readonly #secrets: readonly string[];
  #last: string | undefined;
  #count = 0;
  #usable = true;

  /** @param secrets Texts that must not get into the file. */
  constructor(folder: string, secrets: readonly string[]) {
    this.#folder = folder;
    this.path = join(folder, 'connect-history');
    this.#secrets = secrets;
  }

  /** @returns The lines, the newest first. @throws Error of the file system; a missing file is empty. */
  load(): string[] {
    try {
      const lines = this.#read();
      if ((statSync(this.path).mode & 0o077) !== 0) chmodSync(this.path, OWNER_ONLY);
      if (lines.length > MAX_LINES) this.#replace(lines);
      this.#count = Math.min(lines.length, MAX_LINES);
      this.#last = lines.at(-1);
      return lines.slice(-MAX_LINES).reverse();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      this.#usable = false;
      throw error;
    }
  }

  /** Appends a line. After an error the file is left alone. @throws Error of the file system. */
  add(line: string): void {
    if (!this.#usable || !this.#mayBeStored(line) || line === this.#last) return;
    try {
      if (this.#last === undefined) mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      appendFileSync(this.path, `${line}\n`, { mode: OWNER_ONLY });
      this.#last = line;
      this.#count++;
      if (this.#count >= 2 * MAX_LINES) {
        this.#replace(this.#read());
        this.#count = MAX_LINES;
      }
    } catch (error) {
      this.#usable = false;
      throw error;
    }
  }

  #mayBeStored(line: string): boolean {
    return (
      line !== '' &&
      !line.startsWith(' ') &&
      line.length <= MAX_LINE_CHARACTERS &&
      printable(line) === line &&
      !this.#secrets.some((secret) => line.includes(secret))
    );
  }

  /** Lines that the terminal would act on are dropped: other programs can write the file. */
  #read(): string[] {
    return readFileSync(this.path, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && printable(line) === line);
  }

  /** Keeps the newest lines. A crash in between leaves the old file. */
  #replace(lines: readonly string[]): void {
    const next = `${this.path}.${lines.length}.new`;
    try {
      writeFileSync(next, `${lines.slice(-MAX_LINES).join('\n')}\n`, { mode: OWNER_ONLY });
      renameSync(next, this.path);
    } catch (error) {
      rmSync(next, { force: true });
      throw error;
    }
  }
}
