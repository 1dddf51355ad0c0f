import type { ErrorCode, WebSocketError } from './errors.ts';

/** Why a connection ended. */
export type CloseCause =
  | 'peer-close'
  | 'local-close'
  | 'close-timeout'
  | 'terminated'
  | 'transport-end'
  | 'transport-error'
  | 'protocol-error'
  | 'invalid-utf8'
  | 'message-too-big'
  | 'too-many-fragments'
  | 'message-timeout'
  | 'ping-timeout'
  | 'idle-timeout'
  | 'write-timeout'
  | 'rate-limit'
  | 'slow-consumer'
  | 'memory-cap'
  | 'handler-error'
  | 'payload-detached'
  | 'expired'
  | 'lifetime'
  | 'shutdown'
  | 'load-shed'
  | 'internal-error';

/** How a connection ended. */
export interface CloseInfo {
  /** The peer's code: 1005 when its Close had none, 1006 when there was no Close (§7.4.1). */
  readonly code: number;
  /** The peer's reason, `''` if it gave none. */
  readonly reason: string;
  /** True if a Close was sent and a Close was received. */
  readonly wasClean: boolean;
  /** The side that started to end the connection. */
  readonly initiator: 'local' | 'remote';
  /** Code in the Close frame that was sent; `undefined` if none was. */
  readonly sentCode: number | undefined;
  readonly cause: CloseCause;
  /** The error that ended the connection, if there was one. */
  readonly error?: WebSocketError;
}

const CAUSES: Partial<Record<ErrorCode, CloseCause>> = {
  ERR_UTF8: 'invalid-utf8',
  ERR_FRAME_TOO_BIG: 'message-too-big',
  ERR_MESSAGE_TOO_BIG: 'message-too-big',
  ERR_TOO_MANY_FRAGMENTS: 'too-many-fragments',
  ERR_MESSAGE_TIMEOUT: 'message-timeout',
  ERR_PING_TIMEOUT: 'ping-timeout',
  ERR_IDLE_TIMEOUT: 'idle-timeout',
  ERR_WRITE_TIMEOUT: 'write-timeout',
  ERR_CLOSE_TIMEOUT: 'close-timeout',
  ERR_RATE: 'rate-limit',
  ERR_SLOW_CONSUMER: 'slow-consumer',
  ERR_MEMORY_CAP: 'memory-cap',
  ERR_HANDLER: 'handler-error',
  ERR_PAYLOAD_DETACHED: 'payload-detached',
  ERR_EXPIRED: 'expired',
  ERR_INTERNAL: 'internal-error',
  ERR_TRANSPORT: 'transport-error',
};

/** Returns the cause for an error code; `protocol-error` for codes without a cause of their own. */
export function causeOf(code: ErrorCode): CloseCause {
  return CAUSES[code] ?? 'protocol-error';
}
