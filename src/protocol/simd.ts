import { Buffer } from 'node:buffer';

/** Assembled from `tools/wasm/simd.wat` by `tools/wasm/assemble.js`. */
const MODULE =
  'AGFzbQEAAAABFQNgA39/fwF/YAJ/fwBgBH9/f38BfwMEAwABAgUEAQENDQanAg57AP0MYGBgYGBgYGBgYGBgYGBgYAt7AP0McHBw' +
  'cHBwcHBwcHBwcHBwcAt7AP0Mf39/f39/f39/f39/f39/fwt7AP0MgICAgICAgICAgICAgICAgAt7AP0MDw8PDw8PDw8PDw8PDw8P' +
  'Dwt7AP0MwMDAwMDAwMDAwMDAwMDAwAt7AP0M3Nzc3Nzc3Nzc3Nzc3Nzc3At7AP0M8PDw8PDw8PDw8PDw8PDw8At7AP0M/Pz8/Pz8' +
  '/Pz8/Pz8/Pz8/At7AP0MwNfA18DXwNfA18DXwNfA1wt7AP0MAAECAwQFBgcICQoLDA0ODwt7AP0MAgICAgICAgKAgICAIQEVSQt7' +
  'AP0M56ODg4vLy8vLy8vLy9vLywt7AP0MAQEBAQEBAQHmrrq6AQEBAQsHIgQGbWVtb3J5AgAEbWFzawAABXN0YWdlAAEGZGVjb2Rl' +
  'AAIK1wkD3wIEAnsCfwF+BHsgAv0RIQMCQANAIABBwABqIAFLDQEgAP0ABAAgA/1RIQggAP0ABBAgA/1RIQkgAP0ABCAgA/1RIQog' +
  'AP0ABDAgA/1RIQsgACAI/QsEACAAIAn9CwQQIAAgCv0LBCAgACAL/QsEMCAEIAggCf1Q/VAgCiAL/VD9UCEEIABBwABqIQAMAAsL' +
  'AkADQCAAQRBqIAFLDQEgAP0ABAAgA/1RIQggACAI/QsEACAEIAj9UCEEIABBEGohAAwACwsgAEEIaiABTQRAIAApAwAgA/0dAIUh' +
  'ByAAIAc3AwAgAEEIaiEACyAAQQRqIAFNBEAgACgCACACcyEGIAAgBjYCACAHIAathCEHIABBBGohAAsCQANAIAAgAU8NASAALQAA' +
  'IAJB/wFxcyEGIAAgBjoAACAFIAZyIQUgAkEIeCECIABBAWohAAwACwsgBCAH/RL9UP1kIAVBgAFxcgtUAQF/QYCgECECA0AgAiAA' +
  '/QAEAP0LBAAgAiAA/QAEEP0LBBAgAiAA/QAEIP0LBCAgAiAA/QAEMP0LBDAgAEHAAGohACACQcAAaiECIAAgAUkNAAsLngYCDnsI' +
  'fyACQQJqIRIgAUEQayETQf//AyEVA0AgAP0ABAAhBCAAIBNLBEAgASAAayEUIAQgFP0PIwr9J/1OIQRBAiAUdEEBayEVCyAFIAT9' +
  'DQ8QERITFBUWFxgZGhscHR4hBgJAIAYgBP1Q/WRFBEAgAiAG/YkB/QsEACACIAb9igH9CwQQIAIgFWlBAXRqIQIMAQsgBSAE/Q0O' +
  'DxAREhMUFRYXGBkaGxwdIQcgBSAE/Q0NDg8QERITFBUWFxgZGhscIQggCCMB/XMhCiADBEAgECMLIAZBBP2NASME/U79DiMMIAYj' +
  'BP1O/Q79TiMNIARBBP2NASME/U79Dv1OIAcjAP1zIAr9UCMD/U79Uf1QIRALIAr9ZCEXIBcgFSMFIAT9J/1kQX9zcXIhFiAHIwUg' +
  'Bv0n/U4hCSAGIwL9TiAJQQb9iwEjBf1O/VAhDCAJQQL9jQEjBP1OIAgjBSAJ/Sf9TkEE/YsBIwf9Tv1QIQ0gESAN/VAhESAXIBhy' +
  'BEAgF0EPdiEYIAgjB/0sIQogBSAE/Q0MDQ4PEBESExQVFhcYGRobIwf9LCELIA0gCyMI/U79TyALIwb9Tv1QIQ0gDCAN/Q0AEAER' +
  'AhIDEwQUBRUGFgcXIQ4gDCAN/Q0IGAkZChoLGwwcDR0OHg8fIQ8gDkEE/Y0BIwn9jgEgDiAKIAr9DQAQARECEgMTBBQFFQYWBxf9' +
  'UiEOIA9BBP2NASMJ/Y4BIA8gCiAK/Q0IGAkZChoLGwwcDR0OHg8f/VIhDwUgDCAN/Q0AEAERAhIDEwQUBRUGFgcXIQ4gDCAN/Q0I' +
  'GAkZChoLGwwcDR0OHg8fIQ8LIBZB/wFxIRkgAiAOIBlBBHT9AAQA/Q79CwQAIAIgGWlBAXRqIQIgFkEIdiEZIAIgDyAZQQR0/QAE' +
  'AP0O/QsEACACIBlpQQF0aiECCyAEIQUgAEEQaiEAIAAgAU0NAAsgEP1TBEBBfw8LIAIgEmshFCAR/VMEQCAUQQFyDwsgEiEAA0Ag' +
  'EiAA/QAEACAA/QAEEP1m/QsEACASQRBqIRIgAEEgaiEAIAAgAkkNAAsgFAs=';

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
  /** Copies the bytes from `at` to `end` in the module's memory to {@link SCRATCH_AT}; may copy up to 63 bytes more. */
  readonly stage: (at: number, end: number) => void;
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
    readonly exports: Pick<Simd, 'mask' | 'stage' | 'decode'> & {
      readonly memory: { readonly buffer: ArrayBuffer };
    };
  };
}

/** Processes 16 bytes per step, in its own memory. `undefined` without WebAssembly or without SIMD. */
export const simd: Simd | undefined = /* @__PURE__ */ (() => {
  const wasm = (globalThis as { readonly WebAssembly?: WebAssemblyLike }).WebAssembly;
  try {
    const { exports } = new wasm!.Instance(new wasm!.Module(Buffer.from(MODULE, 'base64')));
    const { memory, mask, stage, decode } = exports;
    writeLanes(new Uint8Array(memory.buffer, 0, BUFFERS_AT));
    return { buffer: memory.buffer, mask, stage, decode };
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
