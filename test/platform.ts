import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** The reason to skip a test whose program handles a signal; `false` where it can. */
export const noSignals: string | false =
  process.platform === 'win32' ? 'on Windows a signal ends a process at once' : false;

/** The path of a Unix socket of this process, or of a named pipe on Windows. */
export const localPath = (name: string): string =>
  process.platform === 'win32'
    ? String.raw`\\.\pipe\hawser-${process.pid}-${name}`
    : join(tmpdir(), `hawser-${process.pid}-${name}.sock`);
