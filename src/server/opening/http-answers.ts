import { Buffer } from 'node:buffer';
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import {
  refusalResponse,
  renderRefusal,
  renderResponse,
  renderUpgrade,
  responseFields,
} from '../../protocol/handshake/answer.ts';
import { ERRORS, type HandshakeErrorCode } from '../../protocol/errors.ts';
import type { ConnectHead } from '../../protocol/handshake/connect-head.ts';
import type { FieldList } from '../../protocol/handshake/field-text.ts';
import type { RequestHead } from '../../protocol/handshake/http-head.ts';
import {
  readExtendedConnect,
  readUpgradeRequest,
  type UpgradeRequest,
} from '../../protocol/handshake/server.ts';
import {
  PACKING_BYTES,
  type PackingOwner,
  type PackingTable,
} from '../../protocol/outgoing/packing-table.ts';
import type { Transport } from '../../sockets/transport.ts';
import type { UpgradeAnswer } from './upgrade-answer.ts';

/** What differs between the versions of HTTP: how the request of a handshake is read, and how it is answered. */
export interface HttpAnswers {
  /** @throws HandshakeError for a request that breaks a rule. */
  read(head: RequestHead, secure: boolean, forwardedHost: string | undefined): UpgradeRequest;
  /** Accepts the handshake. The transport carries frames from now on. */
  accept(upgrade: UpgradeRequest, answer: UpgradeAnswer<unknown>): void;
  /** @returns The status of the response. */
  refuse(code: HandshakeErrorCode, retryAfterSeconds: number): number;
  /** Refuses with a response of the application. @throws MisuseError `ERR_ARGUMENT` for one that cannot be sent; nothing was sent then. */
  respond(status: number, headers: FieldList, body: Buffer): void;
}

/** An upgrade of HTTP/1.1, on the socket of the request. */
export class Http1Answers implements HttpAnswers, PackingOwner {
  readonly #transport: Transport;
  readonly #table: PackingTable;

  /** @param table Memory in which answers are written, if the transport borrows it. */
  constructor(transport: Transport, table: PackingTable) {
    this.#transport = transport;
    this.#table = table;
  }

  read(head: RequestHead, secure: boolean, forwardedHost: string | undefined): UpgradeRequest {
    return readUpgradeRequest(head, secure, forwardedHost);
  }

  accept(
    { key }: UpgradeRequest,
    { identity: { protocol, extensions }, headers }: UpgradeAnswer<unknown>,
  ): void {
    this.#send(renderUpgrade({ key, protocol, extensions, headers }));
  }

  refuse(code: HandshakeErrorCode, retryAfterSeconds: number): number {
    this.#send(renderRefusal(code, { retryAfterSeconds }));
    return ERRORS[code].status;
  }

  respond(status: number, headers: FieldList, body: Buffer): void {
    this.#transport.write([renderResponse(status, headers, body)]);
  }

  /** Never called: the answer leaves the table in the call that writes it there. */
  packed(): void {}

  #send(text: string): void {
    this.#transport.write([this.#packedText(text) ?? Buffer.from(text, 'latin1')]);
  }

  /** @returns `undefined` for a transport that does not borrow the table, and for a text that is too long for it. */
  #packedText(text: string): Uint8Array | undefined {
    const table = this.#table;
    if (text.length > PACKING_BYTES || this.#transport.borrows?.(table) !== true) return undefined;
    const at = table.reserve(this, text.length);
    table.commit(at + table.bytes.write(text, at, 'latin1'));
    return table.lend(this);
  }
}

/** An extended CONNECT of HTTP/2 (RFC 8441 §5), on a stream of its own. */
export class Http2Answers implements HttpAnswers {
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  read(head: RequestHead, secure: boolean, forwardedHost: string | undefined): UpgradeRequest {
    return readExtendedConnect(head as ConnectHead, secure, forwardedHost);
  }

  accept(_: UpgradeRequest, { identity: { protocol, extensions }, headers }: UpgradeAnswer<unknown>): void {
    const fields = [...headers];
    if (protocol !== '') fields.push(['sec-websocket-protocol', protocol]);
    if (extensions !== '') fields.push(['sec-websocket-extensions', extensions]);
    if (this.#isOpen) this.#stream.respond(outgoing(200, fields));
  }

  refuse(code: HandshakeErrorCode, retryAfterSeconds: number): number {
    const { status, headers, body } = refusalResponse(code, { retryAfterSeconds });
    // A 426 has to name the protocol in `Upgrade` (RFC 9110 §15.5.22), which HTTP/2 forbids.
    const sent = status === 426 ? 400 : status;
    this.#send(sent, headers, Buffer.from(body));
    return sent;
  }

  respond(status: number, headers: FieldList, body: Buffer): void {
    this.#send(status, responseFields(status, headers, body), body);
  }

  /** False if the client has reset the stream, or another listener has answered. */
  get #isOpen(): boolean {
    const { destroyed, closed, headersSent } = this.#stream;
    return !destroyed && !closed && !headersSent;
  }

  #send(status: number, fields: FieldList, body: Buffer): void {
    if (!this.#isOpen) return;
    this.#stream.respond(outgoing(status, fields));
    this.#stream.end(body);
  }
}

/** Refuses an extended CONNECT that no server takes. */
export function refuseConnect(stream: ServerHttp2Stream, code: HandshakeErrorCode): void {
  new Http2Answers(stream).refuse(code, 1);
}

/** Header fields as Node's HTTP/2 takes them: repeated ones are an array. */
function outgoing(status: number, fields: FieldList): OutgoingHttpHeaders {
  const headers: Record<string, number | string | string[]> = Object.create(null);
  headers[':status'] = status;
  for (const [name, value] of fields) {
    const lowerCase = name.toLowerCase();
    const before = headers[lowerCase];
    if (before === undefined) headers[lowerCase] = value;
    else headers[lowerCase] = [...[before].flat().map(String), value];
  }
  return headers;
}
