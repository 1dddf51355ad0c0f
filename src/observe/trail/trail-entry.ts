import type { ConnectionState, EndStep } from '../../connection/states.ts';
import type { ClosePhase } from '../../protocol/close.ts';

/** What happened to a connection. */
export type TrailEvent =
  /** The state changed. */
  | { readonly kind: 'state'; readonly from: ConnectionState; readonly to: ConnectionState }
  /** A whole frame was received (`in`) or passed to the socket (`out`). */
  | {
      readonly kind: 'frame';
      readonly dir: 'in' | 'out';
      /** Name of the opcode, such as `text`; `reserved` for others. */
      readonly type: string;
      readonly fin: boolean;
      /** Bytes of payload on the wire. */
      readonly bytes: number;
      /** Code of a Close. */
      readonly code?: number;
    }
  /** A deadline was reached: a heartbeat, a timeout, or the end of a throttle. */
  | { readonly kind: 'timer' }
  /** Reading from the socket stopped (`true`) or continues (`false`). */
  | { readonly kind: 'pause'; readonly paused: boolean }
  /** Pending output was passed to the socket. */
  | { readonly kind: 'flush'; readonly bytes: number /** Still pending. */; readonly bufferedBytes: number }
  /** A step of the closing handshake (`phase`), or of the removal of the connection (`step`). */
  | { readonly kind: 'close'; readonly what: 'phase'; readonly from: ClosePhase; readonly to: ClosePhase }
  | { readonly kind: 'close'; readonly what: 'step'; readonly from: EndStep; readonly to: EndStep };

/** An entry of a trail. */
export type TrailEntry = TrailEvent & {
  /** Ms since the trail began. */
  readonly atMs: number;
  /** The rule that this step breaks; absent for a legal step. */
  readonly illegal?: string;
};

/** An entry as one line of text, without line feed. */
export function entryText(entry: TrailEntry): string {
  const illegal = entry.illegal === undefined ? '' : `  ILLEGAL: ${entry.illegal}`;
  return `${entry.atMs.toFixed(3).padStart(12)} ms  ${entry.kind.padEnd(5)}  ${eventText(entry)}${illegal}`;
}

function eventText(event: TrailEvent): string {
  switch (event.kind) {
    case 'state':
      return `${event.from} to ${event.to}`;
    case 'frame': {
      const code = event.code === undefined ? '' : ` ${event.code}`;
      return `${event.dir.padEnd(3)} ${event.type}${code}, ${event.bytes} bytes${event.fin ? '' : ', not the last'}`;
    }
    case 'timer':
      return 'a deadline was reached';
    case 'pause':
      return event.paused ? 'reading stopped' : 'reading continues';
    case 'flush':
      return `${event.bytes} bytes to the socket, ${event.bufferedBytes} still buffered`;
    case 'close':
    default:
      return `${event.what === 'phase' ? 'closing handshake' : 'removal'}: ${event.from} to ${event.to}`;
  }
}
