import type { ErrorCode, PeerError } from '../protocol/errors.ts';

interface Translation {
  readonly code: string;
  readonly Class: typeof Error | typeof RangeError;
  readonly says: string | ((error: PeerError) => string);
}

const range = (code: string, says: Translation['says']): Translation => ({ code, Class: RangeError, says });
const prefix = 'Invalid WebSocket frame: ';
const badOpcode = range('WS_ERR_INVALID_OPCODE', ({ value }) => `${prefix}invalid opcode ${value}`);
const badControlLength = range(
  'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
  ({ value }) => `${prefix}invalid payload length ${value}`,
);
const tooLong = range('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'Max payload size exceeded');

/** Codes and messages of `ws` for what a peer can do wrong. Programs branch on both. */
const TRANSLATIONS: Partial<Readonly<Record<ErrorCode, Translation>>> = Object.freeze({
  ERR_RSV: range('WS_ERR_UNEXPECTED_RSV_2_3', `${prefix}RSV2 and RSV3 must be clear`),
  ERR_OPCODE: badOpcode,
  ERR_CONTINUATION: badOpcode,
  ERR_INTERLEAVED: badOpcode,
  ERR_CONTROL_FRAGMENTED: range('WS_ERR_EXPECTED_FIN', `${prefix}FIN must be set`),
  ERR_CONTROL_TOO_LONG: badControlLength,
  ERR_CLOSE_BODY: badControlLength,
  ERR_MASK_MISSING: range('WS_ERR_EXPECTED_MASK', `${prefix}MASK must be set`),
  ERR_MASK_UNEXPECTED: range('WS_ERR_UNEXPECTED_MASK', `${prefix}MASK must be clear`),
  ERR_CLOSE_CODE: range('WS_ERR_INVALID_CLOSE_CODE', ({ value }) => `${prefix}invalid status code ${value}`),
  ERR_LENGTH_SIGN: range(
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
    'Unsupported WebSocket frame: payload length > 2^53 - 1',
  ),
  ERR_LENGTH_ENCODING: range('WS_ERR_INVALID_LENGTH', `${prefix}a length is not in its shortest form`),
  ERR_FRAME_TOO_BIG: tooLong,
  ERR_MESSAGE_TOO_BIG: tooLong,
  ERR_TOO_MANY_FRAGMENTS: range('WS_ERR_TOO_MANY_BUFFERED_PARTS', 'Too many message fragments'),
  ERR_UTF8: { code: 'WS_ERR_INVALID_UTF8', Class: Error, says: `${prefix}invalid UTF-8 sequence` },
});

const UNEXPECTED_RSV1 = range('WS_ERR_UNEXPECTED_RSV_1', `${prefix}RSV1 must be clear`);
/** The first byte of the frame, as the error shows it. */
const FIRST_BYTE = /0x([0-9a-f]{2})$/;
const RSV2_AND_3 = 0x30;

function translationOf(error: PeerError): Translation | undefined {
  if (error.code !== 'ERR_RSV') return TRANSLATIONS[error.code];
  const first = Number.parseInt(FIRST_BYTE.exec(error.reason)?.[1] ?? '0', 16);
  return (first & RSV2_AND_3) === 0 ? UNEXPECTED_RSV1 : TRANSLATIONS.ERR_RSV;
}

/**
 * Returns the error that applications of `ws` expect: with its class, message and `code`. `cause` is ours. For
 * compressed data that cannot be inflated, `code` is that of zlib, `Z_DATA_ERROR`. Codes that `ws` does not have stay.
 */
export function translated(error: PeerError): Error & { readonly code: string } {
  if (error.code === 'ERR_INFLATE')
    return Object.assign(new Error(error.message, { cause: error }), { code: 'Z_DATA_ERROR' });
  const translation = translationOf(error);
  if (translation === undefined)
    return Object.assign(new Error(error.message, { cause: error }), { code: error.code });
  const { Class, code, says } = translation;
  const message = typeof says === 'string' ? says : says(error);
  return Object.assign(new Class(message, { cause: error }), { code });
}
