import { createWriteStream, openSync } from 'node:fs';
import type { Connection } from '../index.ts';
import { type Capture, capture } from '../observe/index.ts';
import { CommandError, type CommandIo } from './command.ts';

/** Starts to record a connection. */
export type Recorder = (connection: Connection) => Capture;

/**
 * Opens the file of --capture. The name decides the format.
 * @returns `undefined` without a file.
 * @throws CommandError if the file cannot be written.
 */
export function recorderOf(path: string | undefined): Recorder | undefined {
  if (path === undefined) return undefined;
  const format = path.endsWith('.pcapng') ? 'pcapng' : 'jsonl';
  let fd: number;
  try {
    fd = openSync(path, 'w');
  } catch (error) {
    throw new CommandError(`--capture: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return (connection) =>
    capture(connection, createWriteStream(path, { fd }), { format, payloadBytes: Number.POSITIVE_INFINITY });
}

/** Waits until the file is written, and tells if it is not complete. */
export async function reportRecording(recording: Capture, io: Pick<CommandIo, 'err'>): Promise<void> {
  const { reason, droppedRecords, bytes, error } = await recording.ended;
  if (error !== undefined) io.err(`hawser: --capture: recording stopped: ${error.message}`);
  else if (reason === 'limit')
    io.err(`hawser: --capture: recording stopped at ${bytes.toLocaleString('en-US')} bytes`);
  if (droppedRecords > 0)
    io.err(`hawser: --capture: ${droppedRecords} records are missing, because the disk was too slow`);
}
