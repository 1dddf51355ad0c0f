import { type Connection, driverIn, type DriverOf } from '../connection/connection.ts';
import {
  BOOLEAN,
  type CallOptions,
  callOptions,
  checkCallOptions,
  refuseArgument,
  refuseSurplus,
} from '../options/call-check.ts';
import type { SendOptions } from '../options/call-options.ts';

/** Options of a pair of web streams over a connection. */
export interface WebStreamsOptions extends SendOptions {
  /**
   * Whether ending the writable side closes the connection with 1000. WebSocket has no half-close: after that Close,
   * messages of the peer are dropped. With `false` the connection stays open until the peer closes it, or until the
   * stream is destroyed. Default `true`.
   */
  readonly closeOnEnd?: boolean;
}

/** Options of a `Duplex` over a connection. */
export interface DuplexOptions extends WebStreamsOptions {
  /**
   * `true`: each chunk is one message, a string for text and bytes for binary. `false`: a stream of bytes, which does not
   * show where messages begin and end; text is UTF-8, and empty messages are skipped. Default `false`.
   */
  readonly objectMode?: boolean;
}

const WEB_STREAMS = { binary: BOOLEAN, compress: BOOLEAN, closeOnEnd: BOOLEAN };
const WEB_STREAMS_OPTIONS: CallOptions = callOptions(WEB_STREAMS);
const DUPLEX_OPTIONS: CallOptions = callOptions({ ...WEB_STREAMS, objectMode: BOOLEAN });

/**
 * Checks the arguments of `toDuplex`, `toWebStreams` and `messageStreams`.
 * @returns The driver of the connection.
 * @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`.
 */
export function checkStreamCall(
  call: 'toDuplex' | 'toWebStreams' | 'messageStreams',
  connection: Connection,
  options: unknown,
  surplus: unknown,
): DriverOf<unknown> {
  const isObject = typeof connection === 'object' && connection !== null;
  const driver = isObject ? driverIn(connection) : undefined;
  if (driver === undefined)
    refuseArgument(call, 'connection', connection, "a Connection, such as that of the event 'connection'");
  if (surplus !== undefined) refuseSurplus(call, surplus);
  checkCallOptions(call, options, call === 'toDuplex' ? DUPLEX_OPTIONS : WEB_STREAMS_OPTIONS);
  return driver;
}
