import type { CloseInfo } from '../../protocol/close-info.ts';
import type { Connection, DriverOf } from '../../connection/connection.ts';
import type { TapStart } from './tap.ts';

/** A connection that is captured, and where its capture begins. */
export interface CapturedConnection {
  readonly connection: Connection;
  readonly driver: DriverOf<unknown>;
  readonly start: TapStart;
  /** Ms since the capture began, on the clock of the connection. */
  now(): number;
  /** Ms since 1970: the wall time at which the capture began, and {@link now}. */
  wallNow(): number;
}

/** Writes what a tap sees of one connection in one format. Memory that it is passed is valid during the call only. */
export interface Recorder {
  received(bytes: Uint8Array): void;
  sent(bytes: Uint8Array): void;
  /** The connection has ended. */
  closed(info: CloseInfo): void;
}

/** One record of a capture file. */
export type CaptureRecord = string | Uint8Array;

/** Takes records, and may drop them when the sink is slow. */
export interface RecordWriter {
  /** @returns Whether the record was written. */
  write(record: CaptureRecord): boolean;
  /** Writes a record that readers need to understand the others. It is never dropped. */
  writeAlways(record: CaptureRecord): void;
}

/** A capture format. */
export interface CaptureFormat {
  /** The first record of a capture. */
  readonly opening: CaptureRecord | undefined;
  /** The record that tells of dropped records, written before the next one. */
  dropped(records: number): CaptureRecord | undefined;
  /** The last record. */
  ending(reason: string, records: number, droppedRecords: number): CaptureRecord | undefined;
  /** Begins the capture of a connection; writes what comes first of it. */
  record(captured: CapturedConnection, writer: RecordWriter): Recorder;
}
