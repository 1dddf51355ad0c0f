import { Buffer } from 'node:buffer';
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib';

/** The object behind a stream of `node:zlib`. Not public: only this file uses it. */
interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputBytes: number,
    output: Uint8Array,
    outputAt: number,
    outputBytes: number,
  ): void;
  reset(): void;
  onerror: (message: string, errno: number, code: string) => void;
}
/** The stream around it; this file resizes its buffers. */
interface Internals {
  readonly _handle: Handle;
  /** What the last step left: output bytes, input bytes. */
  readonly _writeState: Uint32Array;
  _chunkSize: number;
  _outBuffer: Buffer;
  _outOffset: number;
}

/** Property of a handle: the function that receives its failures. */
const ON_ERROR = 'onerror';
/** Output buffer of a stream that steps on the caller's stack do not use: as small as possible. */
const UNUSED_CHUNK_BYTES = 64;
/** Output bytes of one step on the thread pool. */
const CHUNK_BYTES = 65_536;

/**
 * One raw DEFLATE stream of zlib that works on the caller's stack and with the caller's memory, as the public interface
 * cannot (its one-shot calls make and free a whole context each time). Where Node's internals are not what they are expected
 * to be, {@link stepsWork} says so, and no object of this class is made.
 */
export class RawZlib {
  /** Bytes of input that the last step did not consume, and bytes of output that it did not fill. */
  inputLeft = 0;
  outputLeft = 0;
  /** zlib's error for its input, such as `Z_DATA_ERROR`; the state is unusable afterwards. */
  failure: string | undefined;
  readonly #stream: InflateRaw | DeflateRaw;
  readonly #handle: Handle;
  readonly #state: Uint32Array;
  #isStream = false;

  constructor(stream: InflateRaw | DeflateRaw) {
    const { _handle: handle, _writeState: state } = stream as unknown as Internals;
    this.#stream = stream;
    this.#handle = handle;
    this.#state = state;
    // Assigned permanently, not restored while this is a stream: Bun returns the stream's own handler wrapped in the
    // async context of its creator, and does not call what it returned.
    Reflect.set(handle, ON_ERROR, (message: string, errno: number, code: string) => {
      if (this.#isStream) stream.destroy(Object.assign(new Error(message), { errno, code }));
      else this.failure = code;
    });
  }

  static inflate(windowBits: number): RawZlib {
    return new RawZlib(createInflateRaw({ windowBits, chunkSize: UNUSED_CHUNK_BYTES }));
  }

  static deflate(windowBits: number, level: number, memLevel: number): RawZlib {
    const flush = constants.Z_SYNC_FLUSH;
    return new RawZlib(
      createDeflateRaw({ windowBits, level, memLevel, flush, chunkSize: UNUSED_CHUNK_BYTES }),
    );
  }

  /** Runs one step of zlib. */
  step(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputBytes: number,
    output: Uint8Array,
    outputAt: number,
    outputBytes: number,
  ): void {
    this.#handle.writeSync(flush, input, inputAt, inputBytes, output, outputAt, outputBytes);
    this.outputLeft = this.#state[0]!;
    this.inputLeft = this.#state[1]!;
  }

  /** Resets the context; the memory stays allocated. */
  reset(): void {
    this.#handle.reset();
    this.failure = undefined;
  }

  /** Returns the same stream for public use until {@link stepsHere}. */
  asStream(): InflateRaw | DeflateRaw {
    const internals = this.#stream as unknown as Internals;
    if (internals._chunkSize !== CHUNK_BYTES) {
      internals._chunkSize = CHUNK_BYTES;
      internals._outBuffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      internals._outOffset = 0;
    }
    this.#isStream = true;
    return this.#stream;
  }

  /**
   * Returns to steps after {@link asStream}. Nothing may be running, not even on a destroyed stream: a thread of zlib
   * writes into the buffer that is replaced here, and nothing else keeps that buffer from being collected.
   */
  stepsHere(): void {
    const internals = this.#stream as unknown as Internals;
    if (internals._chunkSize !== UNUSED_CHUNK_BYTES) {
      internals._chunkSize = UNUSED_CHUNK_BYTES;
      internals._outBuffer = Buffer.allocUnsafeSlow(UNUSED_CHUNK_BYTES);
      internals._outOffset = 0;
    }
    this.#isStream = false;
  }

  /** Releases the memory, after running work has ended. */
  close(): void {
    this.#stream.destroy();
  }
}

/** Whether {@link RawZlib} works on this Node: compresses and inflates something. */
export function stepsWork(): boolean {
  let deflater: RawZlib | undefined;
  let inflater: RawZlib | undefined;
  try {
    deflater = RawZlib.deflate(15, 3, 8);
    inflater = RawZlib.inflate(15);
    const { Z_SYNC_FLUSH } = constants;
    const text = Buffer.from('self-check '.repeat(20));
    const packed = Buffer.alloc(512);
    const unpacked = Buffer.alloc(512);
    // Twice: the second run shows that a reset context has no memory of the first.
    const sizes = [1, 2].map(() => {
      deflater!.reset();
      deflater!.step(Z_SYNC_FLUSH, text, 0, text.length, packed, 0, packed.length);
      return packed.length - deflater!.outputLeft;
    });
    const [bytes = 0, again] = sizes;
    inflater.step(Z_SYNC_FLUSH, packed, 0, bytes, unpacked, 0, unpacked.length);
    const isRight = unpacked.subarray(0, text.length).equals(text);
    const used = unpacked.length - inflater.outputLeft;
    // An error must be reported, not thrown.
    inflater.step(Z_SYNC_FLUSH, Buffer.from([0x07]), 0, 1, unpacked, 0, unpacked.length);
    const tellsFaults = inflater.failure === 'Z_DATA_ERROR';
    return isRight && used === text.length && again === bytes && inflater.inputLeft <= 1 && tellsFaults;
  } catch {
    return false;
  } finally {
    deflater?.close();
    inflater?.close();
  }
}
