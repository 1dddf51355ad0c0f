import { Buffer } from 'node:buffer';
import type { Role } from '../../protocol/constants.ts';
import {
  BOOLEAN,
  callOptions,
  checkArgument,
  checkCallOptions,
  checkCount,
  wholeNumber,
} from '../../options/call-check.ts';

const DEFAULT_MAX_MESSAGE_BYTES = 67_108_864;

/** Options of {@link inspect}. */
export interface InspectOptions {
  /** For plain bytes: the side that sent them. Default: the client if the first frame is masked, otherwise the server. */
  readonly role?: Role | undefined;
  /**
   * For plain bytes: the negotiated extensions, as in the response. Default: unknown; RSV1 is then taken for compression, if the
   * payload can be inflated.
   */
  readonly extensions?: string | undefined;
  /** Largest message to inflate, in bytes: 1 to 536,870,888. Default 67,108,864. */
  readonly maxMessageBytes?: number | undefined;
  /** Takes the content for plain bytes, whatever it looks like. Default `false`. */
  readonly isPlain?: boolean | undefined;
}

const OPTIONS = callOptions({
  role: { fits: (value) => value === 'server' || value === 'client', allowed: "'server' or 'client'" },
  extensions: { fits: (value) => typeof value === 'string', allowed: 'a string' },
  maxMessageBytes: wholeNumber(1, 536_870_888),
  isPlain: BOOLEAN,
});

/** The arguments of a call of `inspect`. */
export interface InspectArguments {
  readonly content: Buffer;
  readonly role: Role | undefined;
  readonly extensions: string | undefined;
  readonly maxMessageBytes: number;
  readonly isPlain: boolean;
}

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`. */
export function readInspectArguments(given: ArrayLike<unknown>): InspectArguments {
  const options = given[1];
  checkArgument('inspect', 'content', given[0], {
    fits: (value) => value instanceof Uint8Array,
    allowed: 'a Buffer or Uint8Array, such as that of readFile',
  });
  checkCallOptions('inspect', options, OPTIONS);
  checkCount('inspect', given, 2);
  const { buffer, byteOffset, byteLength } = given[0] as Uint8Array;
  const { role, extensions, maxMessageBytes, isPlain } = (options ?? {}) as InspectOptions;
  return {
    content: Buffer.from(buffer, byteOffset, byteLength),
    role,
    extensions,
    maxMessageBytes: maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
    isPlain: isPlain ?? false,
  };
}
