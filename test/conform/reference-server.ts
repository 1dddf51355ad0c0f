import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { Utf8Validator } from '../../src/protocol/utf8.ts';
import { frame, type FrameFields } from '../../src/testing/index.ts';
import { answerTo, type Negotiated } from './reference-handshake.ts';

/** Faults of the server on purpose. Real servers have had each of them. */
export type Fault = string;

export interface ReferenceServer extends AsyncDisposable {
  readonly url: string;
}

const LIMIT_BYTES = 32 * 1024 * 1024;

/** A small echo server that follows RFC 6455 and RFC 7692, except for one fault if given. */
export async function referenceServer(fault: Fault = ''): Promise<ReferenceServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    handshake(socket, fault);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

function handshake(socket: Socket, fault: Fault): void {
  let head: Buffer = Buffer.alloc(0);
  const read = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0 && head.length < 20_000 && fault !== 'head-in-one-packet') return;
    socket.off('data', read);
    const { accepted, response, negotiated } = answerTo(
      head.toString('latin1', 0, Math.max(end, 0)),
      fault,
      acceptOf,
    );
    socket.write(response, 'latin1');
    if (!accepted) {
      socket.on('data', () => undefined);
      socket.end();
      return;
    }
    const connection = new Connection(socket, fault, negotiated);
    socket.on('data', (more: Buffer) => connection.receive(more)).on('end', () => socket.end());
    if (fault !== 'loses-pipelined') connection.receive(head.subarray(end + 4));
  };
  socket.on('data', read);
}

const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

class Failure extends Error {
  readonly code: number;
  constructor(code: number) {
    super(String(code));
    this.code = code;
  }
}

/** A server or client after the handshake. */
export class Connection {
  readonly #socket: Socket;
  readonly #fault: Fault;
  readonly #role: 'server' | 'client';
  readonly #onClose: (code: number) => void;
  readonly #negotiated: Negotiated | undefined;
  #input: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #waiting = 0;
  #needed = 0;
  /** Number of bytes of the current payload that were checked as UTF-8. */
  #checked = 0;
  #message: { opcode: number; compressed: boolean; parts: Buffer[]; bytes: number } | undefined;
  #validator = new Utf8Validator();
  #leftover: Buffer[] = [];
  #latePongs: Buffer[] = [];
  #over = false;

  /** @param onClose Called with the code of the peer’s Close; 1005 for none. */
  constructor(
    socket: Socket,
    fault: Fault,
    negotiated: Negotiated | undefined,
    role: 'server' | 'client' = 'server',
    onClose: (code: number) => void = () => undefined,
  ) {
    this.#role = role;
    this.#onClose = onClose;
    this.#socket = socket;
    this.#fault = fault;
    this.#negotiated = negotiated;
  }

  receive(chunk: Buffer): void {
    if (this.#over) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    if (this.#waiting < this.#needed) return;
    this.#input = Buffer.concat([this.#input, ...this.#chunks.splice(0)]);
    this.#waiting = 0;
    this.#needed = 0;
    try {
      while (!this.#over && this.#frame());
      for (const payload of this.#latePongs.splice(0)) this.#send({ opcode: 10, payload });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#fail(error.code);
    }
  }

  /** Handles one frame, if it is complete. */
  #frame(): boolean {
    const [input, fault] = [this.#input, this.#fault];
    if (input.length < 2) return false;
    const [first, second] = [input[0]!, input[1]!];
    const opcode = first & 15;
    const fin = first >= 128;
    const rsv1 = (first & 0x40) !== 0;
    const control = opcode >= 8;
    const allowed1 =
      this.#negotiated !== undefined &&
      !control &&
      (opcode !== 0 || fault === 'accepts-rsv1-on-continuation');
    if (((first & 0x30) !== 0 || (rsv1 && !allowed1)) && fault !== 'accepts-rsv') throw new Failure(1002);
    if (((opcode > 2 && opcode < 8) || opcode > 10) && fault !== 'accepts-opcodes') throw new Failure(1002);
    if (control && !fin && fault !== 'accepts-fragmented-control') throw new Failure(1002);
    const mistaken = fault === (this.#role === 'server' ? 'accepts-unmasked' : 'accepts-masked');
    if (second >= 128 !== (this.#role === 'server') && !mistaken) throw new Failure(1002);
    const short = second & 127;
    if (control && short > 125 && fault !== 'accepts-long-control') throw new Failure(1002);
    if (opcode === 0 && this.#message === undefined && fault !== 'accepts-lone-continuation')
      throw new Failure(1002);
    if ((opcode === 1 || opcode === 2) && this.#message !== undefined && fault !== 'accepts-interleaved')
      throw new Failure(1002);

    const keyAt = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (input.length < keyAt) return false;
    let length = BigInt(short);
    if (short === 126) length = BigInt(input.readUInt16BE(2));
    if (short === 127) length = input.readBigUInt64BE(2);
    const signed = length >= 2n ** 63n;
    if (signed && fault !== 'accepts-length-sign') throw new Failure(1002);
    if (signed) length &= 0xffn;
    const shortest = length < 126n ? 2 : length < 65_536n ? 4 : 10;
    if (shortest !== keyAt && !signed && fault !== 'accepts-long-lengths') throw new Failure(1002);
    if (BigInt(this.#message?.bytes ?? 0) + length > LIMIT_BYTES) throw new Failure(1009);
    const payloadAt = keyAt + (second >= 128 ? 4 : 0);
    const end = payloadAt + Number(length);
    if (input.length < end && length > 65_535n) {
      this.#needed = end - input.length;
      return false;
    }
    const payload = Buffer.from(input.subarray(payloadAt, end));
    if (second >= 128)
      for (let i = 0; i < payload.length; i++) payload[i]! ^= input[payloadAt - 4 + (i & 3)]!;
    if (!control && input.length >= payloadAt) this.#checkEarly(opcode, rsv1, payload);
    if (input.length < end) return false;
    this.#input = input.subarray(end);
    this.#checked = 0;
    if (control) this.#control(opcode, payload);
    else this.#data(opcode, fin, rsv1, payload);
    return true;
  }

  /** Checks the received part of a text payload. */
  #checkEarly(opcode: number, rsv1: boolean, payload: Buffer): void {
    const isText = (opcode === 0 ? this.#message?.opcode : opcode) === 1;
    const compressed =
      opcode === 0 ? this.#message?.compressed === true : rsv1 && this.#negotiated !== undefined;
    if (!isText || compressed || /utf8|accepts-(?:surrogates|overlong)/.test(this.#fault)) return;
    if (opcode === 1 && this.#checked === 0) this.#validator = new Utf8Validator();
    if (this.#validator.receive(payload, this.#checked, payload.length) >= 0) throw new Failure(1007);
    this.#checked = payload.length;
  }

  #checkText(parts: readonly Buffer[], whole: boolean): void {
    const fault = this.#fault;
    if (fault === 'ignores-utf8') return;
    let bytes: Buffer = Buffer.concat(parts);
    if (fault === 'accepts-surrogates')
      bytes = Buffer.from(bytes.toString('latin1').replaceAll(/\xed[\xa0-\xbf]./gs, '   '), 'latin1');
    if (fault === 'accepts-overlong')
      bytes = Buffer.from(bytes.toString('latin1').replaceAll(/[\xc0\xc1][\x80-\xbf]/g, '  '), 'latin1');
    const validator = new Utf8Validator();
    if (validator.receive(bytes, 0, bytes.length) >= 0 || (whole && !validator.atBoundary))
      throw new Failure(1007);
  }

  #data(opcode: number, fin: boolean, rsv1: boolean, payload: Buffer): void {
    const fault = this.#fault;
    if (opcode !== 0 || this.#message === undefined) {
      const kind = opcode === 1 || opcode === 2 ? opcode : 1;
      const compressed = rsv1 && this.#negotiated !== undefined;
      this.#message = { opcode: kind, compressed, parts: [...this.#leftover], bytes: 0 };
    }
    this.#message.parts.push(payload);
    this.#message.bytes += payload.length;
    if (this.#message.parts.length > 16_384) throw new Failure(1008);
    if (fault === 'utf8-by-fragment' && this.#message.opcode === 1) this.#checkText([payload], true);
    if (!fin) return;
    const { parts, compressed, opcode: kind } = this.#message;
    this.#message = undefined;
    if (fault === 'keeps-fragments' && parts.length > 1) this.#leftover = parts;
    if (fault === 'reverses-fragments') parts.reverse();
    let message: Buffer = Buffer.concat(parts);
    if (compressed) message = this.#inflated(message);
    if (kind === 1 || fault === 'checks-binary') this.#checkText([message], true);
    if (fault === 'truncates') message = message.subarray(0, 65_535);
    if (fault === 'drops-empty' && message.length === 0) return;
    this.#echo(fault === 'text-as-binary' ? 2 : kind, message);
  }

  #inflated(message: Buffer): Buffer {
    const input = Buffer.concat([message, Buffer.of(0, 0, 0xff, 0xff)]);
    const maxOutputLength = this.#fault === 'inflates-anything' ? 2 ** 30 : LIMIT_BYTES;
    try {
      return inflateRawSync(input, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength });
    } catch (error) {
      if (this.#fault === 'ignores-garbage') return message;
      throw new Failure((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 1009 : 1007);
    }
  }

  #echo(opcode: number, message: Buffer): void {
    const fault = this.#fault;
    if (this.#negotiated === undefined && fault !== 'compresses-unasked')
      return this.#send({ opcode, payload: message });
    const windowBits = fault === 'ignores-window' ? 15 : (this.#negotiated?.serverMaxWindowBits ?? 15);
    const bytes = deflateRawSync(message, { windowBits, finishFlush: constants.Z_SYNC_FLUSH });
    this.#send({ opcode, payload: bytes.subarray(0, bytes.length - 4), rsv1: true });
  }

  #control(opcode: number, payload: Buffer): void {
    const fault = this.#fault;
    if (opcode === 9) {
      if (fault === 'drops-fragments-at-ping' && this.#message !== undefined) this.#message.parts = [];
      if (fault === 'wrong-pong') return this.#send({ opcode: 10, payload: 'pong' });
      if (fault === 'late-pong') return void this.#latePongs.push(payload);
      if (fault !== 'no-pong') this.#send({ opcode: 10, payload: payload.subarray(0, 125) });
    } else if (opcode === 10) {
      if (fault === 'answers-pongs') this.#send({ opcode: 10, payload });
    } else if (opcode === 8) this.#closed(payload);
  }

  #closed(payload: Buffer): void {
    const fault = this.#fault;
    if (payload.length === 1 && fault !== 'accepts-one-byte-body') throw new Failure(1002);
    const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    const good =
      (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code < 5000);
    if (payload.length >= 2 && !good && fault !== 'accepts-close-codes') throw new Failure(1002);
    if (fault !== 'accepts-bad-reason') this.#checkText([payload.subarray(2)], true);
    this.#onClose(code);
    if (fault === 'no-close') return;
    const echoed = payload.length < 2 ? 0 : code;
    if (fault === 'closes-with-1005' && payload.length === 0)
      this.#send({ opcode: 8, payload: Buffer.of(0x03, 0xed) });
    else if (fault === 'closes-with-1000' || echoed !== 0) {
      const answered = fault === 'closes-with-1000' ? 1000 : echoed;
      this.#send({ opcode: 8, payload: Buffer.of(answered >> 8, answered & 255) });
    } else this.#send({ opcode: 8 });
    if (fault !== 'answers-after-close') this.#end();
  }

  #fail(code: number): void {
    const fault = this.#fault;
    if (fault === 'goes-on') {
      // Parses the remaining bytes as frames.
      this.#input = this.#input.subarray(Math.min(this.#input.length, 6 + (this.#input[1]! & 127)));
      return this.receive(Buffer.alloc(0));
    }
    const told = fault === 'fails-with-1000' ? 1000 : code;
    if (fault !== 'fails-silently') this.#send({ opcode: 8, payload: Buffer.of(told >> 8, told & 255) });
    this.#end();
  }

  #end(): void {
    this.#over = true;
    if (this.#fault !== 'never-ends') this.#socket.end();
  }

  #send(fields: FrameFields): void {
    const wrong = this.#fault === (this.#role === 'server' ? 'masks' : 'does-not-mask');
    const mask = wrong === (this.#role === 'server') ? {} : ({ mask: false } as const);
    const long = this.#fault === 'sends-long-lengths' ? ({ lengthForm: 64 } as const) : {};
    this.#socket.write(frame({ ...fields, ...mask, ...long }));
  }
}
