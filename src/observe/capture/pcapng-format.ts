import { Buffer } from 'node:buffer';
import type { CloseInfo } from '../../protocol/close-info.ts';
import { acceptValue } from '../../protocol/handshake/accept-key.ts';
import { fileHeader, packetBlock } from './pcapng-blocks.ts';
import type { CapturedConnection, CaptureFormat, Recorder, RecordWriter } from './recorder.ts';
import { addressBytes, type Endpoint, loopbackLike, TCP, tcpPacket } from './tcp-packets.ts';

/** Port of every server in a capture: on this port every reader looks for HTTP. */
const SERVER_PORT = 80;
/** First port of clients whose port is unknown. */
const FIRST_CLIENT_PORT = 49_152;
const CLIENT_PORTS = 16_384;
/** Bytes of payload in one packet; an IPv4 packet has at most 65,535 bytes. */
const MAX_SEGMENT_BYTES = 65_000;
/** The connection no longer has the key of its handshake. This is the one of RFC 6455 §1.2. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const NOTHING = Buffer.alloc(0);

/** pcapng: each connection is one TCP stream, with a handshake that names its subprotocol and its extensions. */
export function pcapngFormat(): CaptureFormat {
  let streams = 0;
  return {
    opening: fileHeader('hawser'),
    dropped: () => undefined,
    ending: () => undefined,
    record: (captured, writer) => new PcapngRecorder(captured, writer, streams++),
  };
}

class PcapngRecorder implements Recorder {
  readonly #captured: CapturedConnection;
  readonly #writer: RecordWriter;
  readonly #isServer: boolean;
  readonly #client: Endpoint;
  readonly #server: Endpoint;
  /** Bytes of frames that began before the capture. */
  #skipIn: number;
  #skipOut: number;

  constructor(captured: CapturedConnection, writer: RecordWriter, stream: number) {
    this.#captured = captured;
    this.#writer = writer;
    const { connection, driver, start } = captured;
    this.#isServer = driver.link.core.role === 'server';
    const peer = addressBytes(connection.remoteAddress);
    const local = loopbackLike(peer);
    const synthetic = FIRST_CLIENT_PORT + (stream % CLIENT_PORTS);
    const clientPort = this.#isServer && connection.remotePort > 0 ? connection.remotePort : synthetic;
    this.#client = { address: this.#isServer ? peer : local, port: clientPort, sequence: 0 };
    this.#server = { address: this.#isServer ? local : peer, port: SERVER_PORT, sequence: 0 };
    this.#skipIn = start.input.payloadBytes;
    this.#skipOut = start.outputBytes;
    this.#open();
    this.received(start.input.unparsed);
  }

  received(bytes: Uint8Array): void {
    const skipped = Math.min(this.#skipIn, bytes.length);
    this.#skipIn -= skipped;
    this.#data(this.#isServer, bytes.subarray(skipped));
  }

  sent(bytes: Uint8Array): void {
    const skipped = Math.min(this.#skipOut, bytes.length);
    this.#skipOut -= skipped;
    this.#data(!this.#isServer, bytes.subarray(skipped));
  }

  closed({ wasClean, initiator }: CloseInfo): void {
    const byClient = (initiator === 'local') !== this.#isServer;
    if (wasClean) {
      this.#always(byClient, TCP.FIN | TCP.ACK);
      this.#always(!byClient, TCP.FIN | TCP.ACK);
      this.#always(byClient, TCP.ACK);
    } else this.#always(byClient, TCP.RST | TCP.ACK);
  }

  #open(): void {
    const { protocol, extensions } = this.#captured.connection;
    const fields = (protocol === '' ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`).concat(
      extensions === '' ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`,
    );
    this.#always(true, TCP.SYN);
    this.#always(false, TCP.SYN | TCP.ACK);
    this.#always(true, TCP.ACK);
    this.#always(
      true,
      TCP.PSH | TCP.ACK,
      `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\n` +
        `Sec-WebSocket-Version: 13\r\n${fields}\r\n`,
    );
    this.#always(
      false,
      TCP.PSH | TCP.ACK,
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptValue(KEY)}\r\n${fields}\r\n`,
    );
  }

  #data(byClient: boolean, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += MAX_SEGMENT_BYTES)
      this.#writer.write(
        this.#packet(byClient, TCP.PSH | TCP.ACK, bytes.subarray(at, at + MAX_SEGMENT_BYTES)),
      );
  }

  #always(byClient: boolean, flags: number, text = ''): void {
    const bytes = text === '' ? NOTHING : Buffer.from(text, 'latin1');
    this.#writer.writeAlways(this.#packet(byClient, flags, bytes));
  }

  #packet(byClient: boolean, flags: number, bytes: Uint8Array): Buffer {
    const [from, to] = byClient ? [this.#client, this.#server] : [this.#server, this.#client];
    const packet = tcpPacket(from, to, flags, bytes);
    return packetBlock(this.#captured.wallNow(), packet, this.#captured.connection.id);
  }
}
