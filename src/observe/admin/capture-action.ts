import type { Writable } from 'node:stream';
import type { Connection } from '../../connection/connection.ts';
import type { Clock } from '../../engine/clock.ts';
import { MisuseError } from '../../protocol/errors.ts';
import { capture } from '../capture/capture.ts';
import type { CaptureOptions } from '../capture/capture-options.ts';

const MAX_SECONDS = 600;
const DEFAULT_SECONDS = 10;

/** An answer whose body is written while it is made. */
export interface StreamedAnswer {
  readonly status: 200;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Writes the body and ends the stream. Stops if the stream is closed. */
  readonly writeTo: (sink: Writable) => void;
}

/** What a capture request asks for. */
export interface CaptureRequest {
  readonly seconds: number;
  readonly options: CaptureOptions;
}

/**
 * Reads the query of a capture.
 * @throws MisuseError `ERR_OPTION` for a value out of range.
 */
export function readCaptureRequest(query: URLSearchParams): CaptureRequest {
  const seconds = query.get('seconds') ?? String(DEFAULT_SECONDS);
  if (!/^\d{1,3}$/.test(seconds) || Number(seconds) < 1 || Number(seconds) > MAX_SECONDS)
    throw new MisuseError('ERR_OPTION', `seconds must be a whole number from 1 to ${MAX_SECONDS}`);
  const format = query.get('format') ?? 'jsonl';
  if (format !== 'jsonl' && format !== 'pcapng')
    throw new MisuseError('ERR_OPTION', 'format must be jsonl or pcapng');
  const payload = query.get('payloadBytes') ?? '0';
  if (payload !== 'all' && !/^\d{1,10}$/.test(payload))
    throw new MisuseError('ERR_OPTION', 'payloadBytes must be a whole number from 0, or all');
  if (format === 'pcapng' && payload !== 'all')
    throw new MisuseError('ERR_OPTION', 'the format pcapng contains whole payloads: add payloadBytes=all');
  const payloadBytes = payload === 'all' ? Number.POSITIVE_INFINITY : Number(payload);
  return { seconds: Number(seconds), options: { format, payloadBytes } };
}

/** A capture of one connection as a file. It ends after the given time, with the connection, or when the operator goes away. */
export function captureAnswer(
  connection: Connection,
  clock: Clock,
  { seconds, options }: CaptureRequest,
): StreamedAnswer {
  const { format = 'jsonl' } = options;
  return {
    status: 200,
    headers: [
      ['content-type', format === 'jsonl' ? 'application/x-ndjson' : 'application/octet-stream'],
      ['content-disposition', `attachment; filename="${connection.id.slice(0, 8)}.${format}"`],
      ['cache-control', 'no-store'],
    ],
    writeTo: (sink) => {
      const running = capture(connection, sink, options);
      const timer = clock.setTimer(() => void running.stop(), seconds * 1_000);
      void running.ended.then(() => clock.clearTimer(timer));
    },
  };
}
