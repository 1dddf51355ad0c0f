/**
 * `hawser/protocol`: the WebSocket protocol without I/O: no socket, timer, clock, randomness or process. Bytes and commands go in;
 * facts and bytes come out. The opening handshake, frames, messages, compression and extensions can be used one by one.
 *
 * @module
 */
export * from './constants.ts';
export {
  buildCloseBody,
  type CloseBody,
  isReceivableCode,
  isSendableCode,
  NO_CLOSE,
  NO_CODE,
  readCloseBody,
} from './close.ts';
export { ConnectError, type ConnectFailure, type ConnectPhase } from './connect-error.ts';
export {
  FACT,
  type Fact,
  ProtocolConnection,
  type ProtocolOptions,
  type ProtocolOwner,
} from './connection.ts';
export type {
  CompressionJob,
  CompressionParameters,
  Compressor,
  DeflateSettings,
  Zlib,
} from './deflate/compressor.ts';
export type { DeflateAgreement, DeflateDirection, DeflatePreferences } from './deflate/parameters.ts';
export { CompressionBytes } from './deflate/compression-bytes.ts';
export { PerMessageDeflate } from './deflate/per-message-deflate.ts';
export * from './errors.ts';
export {
  type DecodedSink,
  type Extension,
  type MessageDecoder,
  type MessageEncoder,
  PLAN,
  type Plan,
} from './extensions/extension.ts';
export { acceptValue, isValidKey } from './handshake/accept-key.ts';
export {
  type AcceptedAnswer,
  type Answer,
  type AnswerJudge,
  AnswerReader,
  upgradeJudge,
} from './handshake/answer-reader.ts';
export {
  type Agreement,
  type ExtensionClient,
  KEY_BYTES,
  makeKey,
  NO_EXTENSIONS,
  renderUpgradeRequest,
  type UpgradeRequestHead,
} from './handshake/client.ts';
export { type Destination, readDestination } from './handshake/destination.ts';
export { type ExtensionOffer, parseExtensions } from './handshake/extension-list.ts';
export { Fields, isFieldValue, isToken, listMembers } from './handshake/fields.ts';
export type { ResponseHead } from './handshake/response-head.ts';
export { buildFrame, headerBytes, writeFrame, writeHeader } from './outgoing/frame-builder.ts';
export { FrameHeader } from './frame-header.ts';
export { FrameParser, type InputPosition, PIECE, type Piece } from './frame-parser.ts';
export { Heartbeat, type HeartbeatSettings } from './heartbeat.ts';
export { DEFAULT_LIMITS, type OutgoingLimits, type ProtocolLimits } from './limits.ts';
export {
  type FieldList,
  renderRefusal,
  type RefusalOptions,
  renderUpgrade,
  type UpgradeAnswer,
} from './handshake/answer.ts';
export { type HeadLimits, type RequestHead, RequestReader } from './handshake/http-head.ts';
export { readUpgradeRequest, type UpgradeRequest } from './handshake/server.ts';
export { mask, readKey, writeKey } from './mask.ts';
export type { Message, Payload } from './payload.ts';
export { ProtocolMemory } from './memory.ts';
export { Outbox } from './outgoing/outbox.ts';
export { type FrameWaiter, PreparedMessage, type SharedFrame } from './outgoing/prepared-message.ts';
export type { Wire } from './outgoing/wire.ts';
export { printable, printableJson, printableUrl } from './printable.ts';
export { ReusableBytes } from './reusable-bytes.ts';
export { Utf8Validator } from './utf8.ts';
