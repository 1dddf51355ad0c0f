/** Opcodes of §5.2. Values outside this list are reserved. */
export const OPCODE = /* @__PURE__ */ Object.freeze({
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa,
} as const);
/** One of {@link OPCODE}. */
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];

/** First byte of a frame: this is the final fragment (§5.2). */
export const FIN = 0x80;
/** First byte: reserved for extensions; permessage-deflate owns RSV1. */
export const RSV1 = 0x40;
/** First byte: reserved for extensions. */
export const RSV2 = 0x20;
/** First byte: reserved for extensions. */
export const RSV3 = 0x10;
/** First byte: all three reserved bits. */
export const RSV_MASK = 0x70;
/** First byte: the opcode. */
export const OPCODE_MASK = 0x0f;
/** Control frames have the high bit of the opcode set (§5.5). */
export const CONTROL_BIT = 0x08;
/** Second byte: a masking key follows the length. */
export const MASK_BIT = 0x80;
/** Second byte: the length, or `LENGTH_16` or `LENGTH_64`. */
export const LENGTH_MASK = 0x7f;
/** Second byte: the length is in the next 2 bytes. */
export const LENGTH_16 = 126;
/** Second byte: the length is in the next 8 bytes. */
export const LENGTH_64 = 127;
/** Longest payload of a control frame, in bytes (§5.5). */
export const MAX_CONTROL_BYTES = 125;
/** Longest frame header: 2 + 8 bytes of length + 4 bytes of key. */
export const MAX_HEADER_BYTES = 14;

/** The role of this endpoint: clients mask, servers do not (§5.1). */
export type Role = 'server' | 'client';
