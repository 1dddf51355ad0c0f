import { Buffer } from 'node:buffer';

/** Assembled from `tools/wasm/simd.wat` by `tools/wasm/assemble.js`. */
const MODULE =
  'AGFzbQEAAAABEAJgA39/fwF/YAR/f39/AX8DAwIAAQUEAQENDQanAg57AP0MYGBgYGBgYGBgYGBgYGBgYAt7AP0McHBwcHBwcHBw' +
  'cHBwcHBwcAt7AP0Mf39/f39/f39/f39/f39/fwt7AP0MgICAgICAgICAgICAgICAgAt7AP0MDw8PDw8PDw8PDw8PDw8PDwt7AP0M' +
  'wMDAwMDAwMDAwMDAwMDAwAt7AP0M3Nzc3Nzc3Nzc3Nzc3Nzc3At7AP0M8PDw8PDw8PDw8PDw8PDw8At7AP0M/Pz8/Pz8/Pz8/Pz8' +
  '/Pz8/At7AP0MwNfA18DXwNfA18DXwNfA1wt7AP0MAAECAwQFBgcICQoLDA0ODwt7AP0MAgICAgICAgKAgICAIQEVSQt7AP0M56OD' +
  'g4vLy8vLy8vLy9vLywt7AP0MAQEBAQEBAQHmrrq6AQEBAQsHGgMGbWVtb3J5AgAEbWFzawAABmRlY29kZQABCqkIAoYCAwJ7An8E' +
  'eyAC/REhAwJAA0AgAEHAAGogAUsNASAA/QAEACAD/VEhByAA/QAEECAD/VEhCCAA/QAEICAD/VEhCSAA/QAEMCAD/VEhCiAAIAf9' +
  'CwQAIAAgCP0LBBAgACAJ/QsEICAAIAr9CwQwIAQgByAI/VD9UCAJIAr9UP1QIQQgAEHAAGohAAwACwsCQANAIABBEGogAUsNASAA' +
  '/QAEACAD/VEhByAAIAf9CwQAIAQgB/1QIQQgAEEQaiEADAALCwJAA0AgACABTw0BIAAtAAAgAkH/AXFzIQYgACAGOgAAIAUgBnIh' +
  'BSACQQh4IQIgAEEBaiEADAALCyAE/WQgBUGAAXFyC54GAg57CH8gAkECaiESIAFBEGshE0H//wMhFQNAIAD9AAQAIQQgACATSwRA' +
  'IAEgAGshFCAEIBT9DyMK/Sf9TiEEQQIgFHRBAWshFQsgBSAE/Q0PEBESExQVFhcYGRobHB0eIQYCQCAGIAT9UP1kRQRAIAIgBv2J' +
  'Af0LBAAgAiAG/YoB/QsEECACIBVpQQF0aiECDAELIAUgBP0NDg8QERITFBUWFxgZGhscHSEHIAUgBP0NDQ4PEBESExQVFhcYGRob' +
  'HCEIIAgjAf1zIQogAwRAIBAjCyAGQQT9jQEjBP1O/Q4jDCAGIwT9Tv0O/U4jDSAEQQT9jQEjBP1O/Q79TiAHIwD9cyAK/VAjA/1O' +
  '/VH9UCEQCyAK/WQhFyAXIBUjBSAE/Sf9ZEF/c3FyIRYgByMFIAb9J/1OIQkgBiMC/U4gCUEG/YsBIwX9Tv1QIQwgCUEC/Y0BIwT9' +
  'TiAIIwUgCf0n/U5BBP2LASMH/U79UCENIBEgDf1QIREgFyAYcgRAIBdBD3YhGCAIIwf9LCEKIAUgBP0NDA0ODxAREhMUFRYXGBka' +
  'GyMH/SwhCyANIAsjCP1O/U8gCyMG/U79UCENIAwgDf0NABABEQISAxMEFAUVBhYHFyEOIAwgDf0NCBgJGQoaCxsMHA0dDh4PHyEP' +
  'IA5BBP2NASMJ/Y4BIA4gCiAK/Q0AEAERAhIDEwQUBRUGFgcX/VIhDiAPQQT9jQEjCf2OASAPIAogCv0NCBgJGQoaCxsMHA0dDh4P' +
  'H/1SIQ8FIAwgDf0NABABEQISAxMEFAUVBhYHFyEOIAwgDf0NCBgJGQoaCxsMHA0dDh4PHyEPCyAWQf8BcSEZIAIgDiAZQQR0/QAE' +
  'AP0O/QsEACACIBlpQQF0aiECIBZBCHYhGSACIA8gGUEEdP0ABAD9Dv0LBAAgAiAZaUEBdGohAgsgBCEFIABBEGohACAAIAFNDQAL' +
  'IBD9UwRAQX8PCyACIBJrIRQgEf1TBEAgFEEBcg8LIBIhAANAIBIgAP0ABAAgAP0ABBD9Zv0LBAAgEkEQaiESIABBIGohACAAIAJJ' +
  'DQALIBQL';

/** Offsets in the module's memory, in bytes; `simd.wat` has the same numbers. */
const BUFFERS_AT = 4_096;
const BUFFER_BYTES = 262_144;
/** From here to the end of the memory: output of `decode`. */
export const SCRATCH_AT: number = BUFFERS_AT + BUFFER_BYTES;

/** The exports of the module. */
interface Simd {
  readonly buffer: ArrayBuffer;
  /**
   * Masks from `at` to `end` in the module's memory, starting with byte 0 of the key. @returns 0 if every resulting
   * byte is ASCII.
   */
  readonly mask: (at: number, end: number, key: number) => number;
  /**
   * Decodes UTF-8 from `at` to `end` in the module's memory. Writes Latin-1 if that is enough, otherwise UTF-16, from 2
   * bytes after `to`; may write up to 64 bytes more than the result.
   * @param check 0 if the bytes are known to be UTF-8.
   * @returns Twice the number of units, plus 1 if they are UTF-16; -1 for bytes that are not UTF-8.
   */
  readonly decode: (at: number, end: number, to: number, check: number) => number;
}

/** The part of WebAssembly that is used here; there are no types for it. */
interface WebAssemblyLike {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => {
    readonly exports: Pick<Simd, 'mask' | 'decode'> & { readonly memory: { readonly buffer: ArrayBuffer } };
  };
}

/** Processes 16 bytes per step, in its own memory. `undefined` without WebAssembly or without SIMD. */
export const simd: Simd | undefined = /* @__PURE__ */ (() => {
  const wasm = (globalThis as { readonly WebAssembly?: WebAssemblyLike }).WebAssembly;
  try {
    const { exports } = new wasm!.Instance(new wasm!.Module(Buffer.from(MODULE, 'base64')));
    const { memory, mask, decode } = exports;
    writeLanes(new Uint8Array(memory.buffer, 0, BUFFERS_AT));
    return { buffer: memory.buffer, mask, decode };
  } catch {
    return undefined;
  }
})();

/** Fills a table: for each byte, 16 indices of bytes, those of the 16-bit lanes whose bits are set first. */
function writeLanes(table: Uint8Array): void {
  for (let bits = 0, at = 0; bits < 256; bits++, at = bits * 16) {
    for (let lane = 0; lane < 8; lane++) {
      if ((bits & (1 << lane)) === 0) continue;
      table[at++] = lane * 2;
      table[at++] = lane * 2 + 1;
    }
  }
}

/**
 * 256 KiB for buffers of which a process has one. Masking is fastest there (measured: 2 times from 32 bytes, 6 times
 * from 1 KiB up), and text is decoded in place. `undefined` if {@link simd} is.
 */
export const simdMemory: Buffer | undefined = /* @__PURE__ */ (() =>
  simd === undefined ? undefined : Buffer.from(simd.buffer, BUFFERS_AT, BUFFER_BYTES))();
