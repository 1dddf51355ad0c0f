import { buildFrame } from './frame-builder.ts';
import { outgoing, type Payload } from './payload.ts';

/**
 * A message encoded once, for many recipients. The frame is that of a server, shared by all of them, and never changed.
 */
export class PreparedMessage {
  /** The whole frame, unmasked. */
  readonly frame: Buffer;
  readonly isText: boolean;

  /**
   * @param binary `false` sends bytes as text, `true` a string as binary.
   * @throws MisuseError `ERR_ARGUMENT` for a payload that cannot be sent so.
   */
  constructor(payload: Payload, binary?: boolean) {
    const { opcode, data } = outgoing(payload, binary);
    this.isText = opcode === 1;
    this.frame = buildFrame(opcode, data, undefined);
  }
}
