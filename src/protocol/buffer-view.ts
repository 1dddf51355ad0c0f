import { Buffer } from 'node:buffer';

/** The class of Node's buffers: its constructor takes what that of `Uint8Array` takes. */
type BufferClass = new (memory: ArrayBuffer | number, from?: number, length?: number) => Buffer;

/** Whether a class makes buffers of Node. The constructor of `Buffer` itself is deprecated. */
function makesBuffers(species: unknown): species is BufferClass {
  try {
    if (typeof species !== 'function' || species === Buffer || species.prototype !== Buffer.prototype)
      return false;
    const view = new (species as BufferClass)(new ArrayBuffer(8), 2, 4);
    return view.byteOffset === 2 && view.length === 4;
  } catch {
    return false;
  }
}

/**
 * Makes buffers by the constructor of their class. `Buffer.from` and `subarray` make the same objects, but ask V8's runtime about
 * the memory, which takes longer than making them.
 * @param species What `Buffer[Symbol.species]` is. Not every runtime has that class; then the functions of `Buffer` are used.
 */
export function buffersBy(species: unknown): {
  /** Returns a view of `memory`. */
  readonly view: (memory: ArrayBuffer, from: number, length: number) => Buffer;
  /** Returns zeroed memory of its own. */
  readonly zeroed: (length: number) => Buffer;
} {
  if (!makesBuffers(species))
    return {
      view: (memory, from, length) => Buffer.from(memory, from, length),
      zeroed: (length) => Buffer.alloc(length),
    };
  return {
    view: (memory, from, length) => new species(memory, from, length),
    zeroed: (length) => new species(length),
  };
}

const buffers = /* @__PURE__ */ buffersBy(Reflect.get(Buffer, Symbol.species));

/** Returns a view of `memory`. */
export const bufferView = (memory: ArrayBuffer, from: number, length: number): Buffer =>
  buffers.view(memory, from, length);

/** Returns zeroed memory of its own. */
export const zeroedBuffer = (length: number): Buffer => buffers.zeroed(length);

const { set } = Uint8Array.prototype as {
  readonly set: (this: Uint8Array, source: Uint8Array, at: number) => void;
};

/** As `target.set(source, at)`, without looking the method up at each call. */
export const setBytes = (target: Uint8Array, source: Uint8Array, at: number): void =>
  set.call(target, source, at);
