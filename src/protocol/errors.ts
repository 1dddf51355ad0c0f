/**
 * The rule behind an error code: the answer to the peer, the section, and the message. The docs are generated from this
 * table.
 */
export interface ErrorRule {
  /**
   * `handshake`: answered with an HTTP status. `peer`: answered with a close code. `transport`: no answer is possible.
   * `misuse`: thrown to the caller. `client`: connecting failed. `engine`: a call of an engine of `hawser/cluster` failed.
   */
  readonly kind: 'handshake' | 'peer' | 'transport' | 'misuse' | 'client' | 'engine';
  /** HTTP status of the refusal, for `handshake`. */
  readonly status?: number;
  /** Close code sent, for `peer`. */
  readonly closeCode?: number;
  /** Section of RFC 6455 unless another document is named; empty if no RFC has the rule. */
  readonly section: string;
  readonly says: string;
}

/* @__NO_SIDE_EFFECTS__ */ const head = (status: number, section: string, says: string) =>
  ({ kind: 'handshake', status, section, says }) as const;
/* @__NO_SIDE_EFFECTS__ */ const peer = (closeCode: number, section: string, says: string) =>
  ({ kind: 'peer', closeCode, section, says }) as const;
/* @__NO_SIDE_EFFECTS__ */ const transport = (says: string) =>
  ({ kind: 'transport', section: '', says }) as const;
/* @__NO_SIDE_EFFECTS__ */ const misuse = (says: string) => ({ kind: 'misuse', section: '', says }) as const;
/* @__NO_SIDE_EFFECTS__ */ const client = (section: string, says: string) =>
  ({ kind: 'client', section, says }) as const;
/* @__NO_SIDE_EFFECTS__ */ const engine = (says: string) => ({ kind: 'engine', section: '', says }) as const;

/** Every error code of Hawser. Codes are stable: programs branch on them. */
export const ERRORS = /* @__PURE__ */ Object.freeze({
  // Head and fields of the opening handshake.
  ERR_HEAD_SYNTAX: head(400, 'RFC 9112 §2', 'the request head is not well-formed HTTP'),
  ERR_HEAD_TOO_BIG: head(431, 'RFC 6585 §5', 'the request head is too large'),
  ERR_HEAD_TIMEOUT: head(408, 'RFC 9110 §15.5.9', 'the request head did not arrive in time'),
  ERR_NO_UPGRADE: head(
    400,
    '§4.2.1',
    'the request is not a WebSocket upgrade; this endpoint serves only WebSocket',
  ),
  ERR_METHOD: head(400, '§4.1', 'an upgrade to WebSocket must be a GET request'),
  ERR_HTTP_VERSION: head(400, '§4.1', 'an upgrade to WebSocket needs HTTP/1.1'),
  ERR_TARGET: head(400, '§4.1', 'the request target is not a path or an absolute URL'),
  ERR_HOST: head(400, '§4.2.1', 'exactly one non-empty Host field is needed'),
  ERR_CONNECTION_FIELD: head(400, '§4.2.1', 'the Connection field must contain "upgrade"'),
  ERR_REQUEST_BODY: head(400, '§4.1', 'an upgrade request must not have a body'),
  ERR_KEY: head(400, '§4.2.1', 'exactly one Sec-WebSocket-Key of 24 base64 characters is needed'),
  ERR_VERSION_MISSING: head(400, '§4.2.1', 'exactly one Sec-WebSocket-Version field is needed'),
  ERR_VERSION: head(426, '§4.2.2', 'only version 13 of the WebSocket protocol is supported'),
  ERR_PROTOCOL_FIELD: head(400, '§4.1', 'Sec-WebSocket-Protocol must be a list of unique tokens'),
  ERR_EXTENSIONS_FIELD: head(400, '§9.1', 'Sec-WebSocket-Extensions is malformed'),
  // Admission.
  ERR_PATH: head(404, '§4.2.2', 'nothing is served at this path'),
  ERR_ORIGIN: head(403, '§4.2.2', 'requests from this origin are not accepted'),
  ERR_HOST_NOT_ALLOWED: head(403, 'RFC 9110 §7.2', 'requests for this host are not accepted'),
  ERR_IP_LIMIT: head(429, '§10', 'too many connections from this address'),
  ERR_RATE_LIMIT: head(429, '§10', 'too many new connections'),
  ERR_VIOLATION_LIMIT: head(429, '§10', 'too many protocol violations from this address'),
  ERR_SERVER_FULL: head(503, '§10', 'the server is full'),
  ERR_OVERLOADED: head(503, '§10', 'the server is overloaded'),
  ERR_BREAKER_OPEN: head(503, '§10', 'the server cannot check requests at the moment'),
  ERR_SHUTTING_DOWN: head(503, '§10', 'the server is shutting down'),
  ERR_UPGRADE_TIMEOUT: head(503, '§4.2.2', 'the server did not decide on the request in time'),
  ERR_TLS: { kind: 'transport', section: '', says: 'the TLS handshake failed' } as const,
  ERR_PROXY_HEADER: {
    kind: 'transport',
    section: '',
    says: 'the PROXY protocol header is missing, malformed or unexpected',
  } as const,
  ERR_UPGRADE_HOOK: head(500, '§4.2.2', 'the server failed while it checked the request'),
  // Frames.
  ERR_RSV: peer(1002, '§5.2', 'a reserved bit is set, but no negotiated extension uses it'),
  ERR_OPCODE: peer(1002, '§5.2', 'the opcode is reserved'),
  ERR_MASK_MISSING: peer(1002, '§5.1', 'a frame from a client is not masked'),
  ERR_MASK_UNEXPECTED: peer(1002, '§5.1', 'a frame from a server is masked'),
  ERR_CONTROL_FRAGMENTED: peer(1002, '§5.5', 'a control frame is fragmented'),
  ERR_CONTROL_TOO_LONG: peer(1002, '§5.5', 'a control frame is longer than 125 bytes'),
  ERR_LENGTH_SIGN: peer(1002, '§5.2', 'the top bit of a 64-bit length is set'),
  ERR_LENGTH_ENCODING: peer(1002, '§5.2', 'a length is not in its shortest form'),
  ERR_CONTINUATION: peer(1002, '§5.4', 'a continuation frame has no message to continue'),
  ERR_INTERLEAVED: peer(1002, '§5.4', 'a new message begins inside a fragmented one'),
  ERR_CLOSE_BODY: peer(1002, '§5.5.1', 'the body of a Close frame is a single byte'),
  ERR_CLOSE_CODE: peer(1002, '§7.4', 'a Close frame carries a code that must not be sent'),
  ERR_FRAME_TOO_BIG: peer(1009, '§10.4', 'a frame is larger than the limit'),
  // Messages.
  ERR_MESSAGE_TOO_BIG: peer(1009, '§10.4', 'a message is larger than the limit'),
  ERR_TOO_MANY_FRAGMENTS: peer(1008, '§10.4', 'a message has more fragments than the limit'),
  ERR_MESSAGE_TIMEOUT: peer(1008, '§10.4', 'a message was not finished in time'),
  ERR_UTF8: peer(1007, '§8.1', 'text is not UTF-8'),
  ERR_INFLATE: peer(1007, 'RFC 7692 §7.2.2', 'compressed data cannot be inflated'),
  // Open connections.
  ERR_RATE: peer(1008, '§7.4.1', 'messages arrive faster than the rate limit allows'),
  ERR_CHANNEL: peer(1008, '', 'the peer broke a rule of hawser.channels.v1'),
  ERR_EXPIRED: peer(1008, '§7.4.1', 'credentials expired'),
  ERR_PING_TIMEOUT: peer(1001, '§5.5.2', 'ping timeout'),
  ERR_IDLE_TIMEOUT: peer(1001, '§7.4.1', 'idle timeout'),
  ERR_HANDLER: peer(1011, '§7.4.1', 'a handler of the application failed'),
  ERR_INTERNAL: peer(1011, '§7.4.1', 'internal error'),
  ERR_PAYLOAD_DETACHED: peer(
    1011,
    '§7.4.1',
    'a payload of the application was detached or resized between send and write',
  ),
  ERR_SLOW_CONSUMER: peer(1013, '§7.4.1', 'the peer reads too slowly'),
  ERR_MEMORY_CAP: peer(1013, '§7.4.1', 'the memory budget of the process is used up'),
  ERR_WRITE_TIMEOUT: transport('the peer accepted no bytes for too long'),
  ERR_CLOSE_TIMEOUT: transport('the closing handshake was not finished in time'),
  ERR_TRANSPORT: transport('the connection was lost'),
  // Misuse by the application.
  ERR_ARGUMENT: misuse('an argument is invalid'),
  ERR_OPTION: misuse('an option is invalid'),
  ERR_STATE: misuse('the call is not allowed in the current state'),
  ERR_CLOSED: misuse('the connection is closed'),
  ERR_CHANNEL_REFUSED: misuse('the peer refused to open a channel'),
  // Connecting as a client.
  ERR_URL: client('§3', 'the URL is not a WebSocket URL'),
  ERR_CONNECT: client('', 'the connection could not be made'),
  ERR_CONNECT_TIMEOUT: client('', 'the connection was not made in time'),
  ERR_PROXY: client('', 'the proxy did not open a tunnel'),
  ERR_PROXY_AUTH: client('', 'the proxy asks for credentials, or refuses the credentials it received'),
  ERR_RESPONSE: client('§4.1', 'the server did not accept the handshake'),
  ERR_REDIRECT: client('§4.2.2', 'the server answered with a redirect'),
  // Engines that join nodes.
  ERR_ENGINE_DOWN: engine('the engine cannot be reached'),
  ERR_ENGINE_FULL: engine('the queue of messages to the engine is full'),
  ERR_ENGINE_REFUSED: engine('the engine refused the call'),
  ERR_ENGINE_MESSAGE: engine('a message of the engine is invalid'),
}) satisfies Readonly<Record<string, ErrorRule>>;

/** The stable code of an error; see {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;
type CodeOf<Kind extends ErrorRule['kind']> = {
  [Code in ErrorCode]: (typeof ERRORS)[Code]['kind'] extends Kind ? Code : never;
}[ErrorCode];
/** Codes that are answered with an HTTP status. */
export type HandshakeErrorCode = CodeOf<'handshake'>;
/** Codes that are answered with a close code. */
export type PeerErrorCode = CodeOf<'peer'>;
/** Codes of lost connections: no answer is possible. */
export type TransportErrorCode = CodeOf<'transport'>;
/** Codes of wrong calls by the application. */
export type MisuseErrorCode = CodeOf<'misuse'>;
/** Codes of connections that could not be opened. */
export type ConnectErrorCode = CodeOf<'client'>;
/** Codes of failed calls of an engine. */
export type EngineErrorCode = CodeOf<'engine'>;

const sentence = (code: ErrorCode, detail: string | undefined): string => {
  const { says, section } = ERRORS[code] as ErrorRule;
  const where = section === '' ? '' : ` (${section.startsWith('§') ? `RFC 6455 ${section}` : section})`;
  return detail === undefined ? `${says}${where}` : `${says}: ${detail}${where}`;
};

/** Base of errors caused by a peer, a transport or an engine. They are never thrown to the application. */
export class WebSocketError extends Error {
  override readonly name: string = 'WebSocketError';
  /** Stable; programs branch on it. */
  readonly code: ErrorCode;
  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(sentence(code, detail), options);
    this.code = code;
  }
}

/** The peer broke a rule or exceeded a limit. */
export class PeerError extends WebSocketError {
  override readonly name: string = 'PeerError';
  /** Code of the Close frame sent to the peer; 1006 if no frame can be sent. */
  readonly closeCode: number;
  /** Reason sent to the peer: rule and values, without the section. The Close frame truncates it to its size. */
  readonly reason: string;
  /** Section of the rule; of RFC 6455 unless another document is named. */
  readonly section: string;
  /** The number that broke the rule, if it is one: an opcode, a close code, or the length of a control frame. */
  declare readonly value?: number;
  constructor(
    code: PeerErrorCode | HandshakeErrorCode,
    detail?: string,
    options?: ErrorOptions & { readonly value?: number },
  ) {
    super(code, detail, options);
    if (options?.value !== undefined) this.value = options.value;
    const rule: ErrorRule = ERRORS[code];
    this.reason = detail === undefined ? rule.says : `${rule.says}: ${detail}`;
    this.closeCode = rule.closeCode ?? 1006;
    this.section = rule.section;
  }
}

/** The opening handshake was refused. */
export class HandshakeError extends PeerError {
  override readonly name: string = 'HandshakeError';
  /** HTTP status of the answer. */
  readonly status: number;
  constructor(code: HandshakeErrorCode, detail?: string, options?: ErrorOptions) {
    super(code, detail, options);
    this.status = ERRORS[code].status;
  }
}

/** The TCP or TLS connection failed; `cause` is the system's error if there is one. */
export class TransportError extends WebSocketError {
  override readonly name: string = 'TransportError';
  declare readonly code: TransportErrorCode;
}

/**
 * A call of an engine failed. `ERR_ENGINE_DOWN`: the call may have had its effect. `ERR_ENGINE_FULL` and
 * `ERR_ENGINE_REFUSED`: it had none. `ERR_ENGINE_MESSAGE`: what the engine delivered or answered is invalid.
 */
export class EngineError extends WebSocketError {
  override readonly name: string = 'EngineError';
  declare readonly code: EngineErrorCode;
}

/** The application made a wrong call. Thrown synchronously; the call had no effect. */
export class MisuseError extends TypeError {
  override readonly name: string = 'MisuseError';
  /** Stable; programs branch on it. */
  readonly code: MisuseErrorCode;
  constructor(code: MisuseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
