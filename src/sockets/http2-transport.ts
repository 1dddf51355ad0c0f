import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { normalizeAddress } from './ip-address.ts';
import { failStream, StreamTransport } from './stream-transport.ts';
import type { TransportOwner } from './transport.ts';

/** Error codes of HTTP/2 (RFC 9113 §7). Written out, so that servers without HTTP/2 do not load `node:http2`. */
const NO_ERROR = 0;
const CANCEL = 8;

/** The socket of a session; `undefined` once the session is destroyed. Node gives a view that reads every property of the socket. */
export const socketOf = (session: Http2Session | undefined): Socket | undefined =>
  session === undefined || session.destroyed ? undefined : session.socket;

function onAborted(this: ServerHttp2Stream): void {
  // With the session, Node destroys the stream first, and the stream emits the error of the session.
  if (this.destroyed) return;
  failStream(this, new Error(`the peer reset the HTTP/2 stream (code ${this.rstCode})`));
}

/**
 * A stream of an HTTP/2 session (RFC 8441 §5.1): END_STREAM is the end of a half, and RST_STREAM with CANCEL is a reset. Flow control
 * of HTTP/2 is the back-pressure.
 */
export class Http2Transport extends StreamTransport {
  declare protected readonly stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, owner: TransportOwner) {
    super(stream, owner);
    const { remoteAddress, remotePort } = socketOf(stream.session) ?? {};
    this.standFor(normalizeAddress(remoteAddress ?? ''), remotePort);
    stream.on('aborted', onAborted);
  }

  override end(): void {
    // An end without a response would be no HTTP.
    if (this.stream.headersSent) super.end();
    else this.destroy();
  }

  override destroy(): void {
    const stream = this.stream;
    if (stream.destroyed) return;
    stream.off('aborted', onAborted);
    // After a complete refusal, the reset only asks the client to stop sending (RFC 9113 §8.1).
    const isRefused = stream.writableFinished && stream.sentHeaders?.[':status'] !== 200;
    stream.close(isRefused ? NO_ERROR : CANCEL);
    super.destroy();
  }
}
