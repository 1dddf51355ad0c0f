import type { Buffer } from 'node:buffer';
import type { Role } from '../../protocol/constants.ts';
import type { PeerErrorCode } from '../../protocol/errors.ts';

/** A broken rule. */
export interface Violation {
  readonly code: PeerErrorCode;
  /** Section of RFC 6455 unless another document is named. */
  readonly section: string;
  /** The rule and the values that break it. */
  readonly reason: string;
}

/** One field of a frame header. */
export interface InspectedField {
  readonly name: string;
  /** Bits of the frame, from 0, as in the figure of RFC 6455 §5.2: `0`, `4-7`. */
  readonly bits: string;
  readonly value: string;
  readonly meaning: string;
}

/** A message, at its last frame. */
export interface InspectedMessage {
  readonly isText: boolean;
  /** Number of its frames. */
  readonly frames: number;
  readonly isCompressed: boolean;
  /** Unmasked, joined and inflated. */
  readonly data: Buffer;
}

/** One frame. */
export interface InspectedFrame {
  /** Position among the frames of its connection, from 1. */
  readonly number: number;
  /** The side that sent it. */
  readonly from: Role;
  /** Ms since the first frame or packet of the file; `undefined` for plain bytes. */
  readonly timeMs: number | undefined;
  /** Position of its header in the bytes of its direction; `undefined` for `jsonl`. */
  readonly offset: number | undefined;
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly rsv2: boolean;
  readonly rsv3: boolean;
  readonly opcode: number;
  /** Name of the opcode, such as `text`; `reserved` for others. */
  readonly kind: string;
  readonly masked: boolean;
  /** 4 bytes; `undefined` if the frame is not masked, or if the file does not contain it. */
  readonly key: Buffer | undefined;
  /** Bytes of payload. */
  readonly length: number;
  /** The recorded payload, unmasked, as in the frame: a compressed one is still compressed. */
  readonly payload: Buffer;
  /** Whether `payload` is complete. */
  readonly isComplete: boolean;
  readonly fields: readonly InspectedField[];
  /** The message that this frame completes. */
  readonly message: InspectedMessage | undefined;
  /** Content of a Close frame. */
  readonly close: { readonly code: number; readonly reason: string } | undefined;
  readonly violations: readonly Violation[];
  /** Why something is not shown. */
  readonly notes: readonly string[];
}

/** One WebSocket connection of a file. */
export interface InspectedConnection {
  /** Identifier of the connection in a capture of Hawser; otherwise the addresses, or `''` for plain bytes. */
  readonly id: string;
  /** The negotiated subprotocol; `''` if none is known. */
  readonly protocol: string;
  /** The negotiated extensions; `''` if none are known. */
  readonly extensions: string;
  readonly frames: readonly InspectedFrame[];
  /** How the connection ended, as the capturing side reported it. */
  readonly end: string | undefined;
  /** Violations outside whole frames. Those of frames are in `frames`. */
  readonly violations: readonly (Violation & { readonly from: Role })[];
  /** What is missing or could not be read. */
  readonly notes: readonly string[];
}

/** The format of an inspected file. */
export type InspectedFormat = 'bytes' | 'jsonl' | 'pcap' | 'pcapng';

/** What a file contains. */
export interface Inspection {
  readonly format: InspectedFormat;
  readonly connections: readonly InspectedConnection[];
  /** What is missing, was skipped or could not be read. */
  readonly notes: readonly string[];
}
