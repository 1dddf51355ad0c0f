import { Buffer } from 'node:buffer';

/** The class of Node's buffers: its constructor takes what that of `Uint8Array` takes. */
type BufferClass = new (memory: ArrayBuffer | number, from?: number, length?: number) => Buffer;

/**
 * `Buffer.from` and `subarray` make objects of this class, too, but ask V8's runtime about the memory, which takes longer than
 * making them. `undefined` on a runtime without it.
 */
const NodeBuffer: BufferClass | undefined = /* @__PURE__ */ (() => {
  try {
    const found = (Buffer as unknown as { readonly [Symbol.species]?: unknown })[Symbol.species];
    // The constructor of `Buffer` itself is deprecated.
    if (typeof found !== 'function' || found === Buffer || found.prototype !== Buffer.prototype)
      return undefined;
    const view = new (found as BufferClass)(new ArrayBuffer(8), 2, 4);
    return view.byteOffset === 2 && view.length === 4 ? (found as BufferClass) : undefined;
  } catch {
    return undefined;
  }
})();

/** Returns a view of `memory`. */
export const bufferView = (memory: ArrayBuffer, from: number, length: number): Buffer =>
  NodeBuffer === undefined ? Buffer.from(memory, from, length) : new NodeBuffer(memory, from, length);

/** Returns zeroed memory of its own. */
export const zeroedBuffer = (length: number): Buffer =>
  NodeBuffer === undefined ? Buffer.alloc(length) : new NodeBuffer(length);

const { set } = Uint8Array.prototype as {
  readonly set: (this: Uint8Array, source: Uint8Array, at: number) => void;
};

/** As `target.set(source, at)`, without looking the method up at each call. */
export const setBytes = (target: Uint8Array, source: Uint8Array, at: number): void =>
  set.call(target, source, at);
