import { outgoing, type Payload } from '../payload.ts';
import type { ReusableBytes } from '../reusable-bytes.ts';
import { buildFrameIn } from './frame-builder.ts';
import type { FramePool } from './frame-pool.ts';
import { FrameOptions, type PrepareOptions, PreparedMessage } from './prepared-message.ts';

/**
 * Encodes a message into memory of a pool. After `pool.delivered`, only outboxes may read its frame.
 * @param reusable As for the constructor of {@link PreparedMessage}.
 * @throws MisuseError `ERR_ARGUMENT` for a payload that cannot be sent this way.
 */
export function pooledMessage(
  payload: Payload,
  options: PrepareOptions | undefined,
  reusable: ReusableBytes,
  pool: FramePool,
): PreparedMessage {
  const { opcode, data } = outgoing(payload, options?.binary, reusable);
  const bytes = typeof data === 'string' ? reusable.utf8Of(data) : undefined;
  return new PreparedMessage(buildFrameIn(pool, opcode, bytes ?? data, undefined), new FrameOptions(options));
}
