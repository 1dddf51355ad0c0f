import type {
  CompressionParameters,
  Compressor,
  DeflateSettings,
  Zlib,
} from '../../protocol/deflate/compressor.ts';
import type { MessageDecoder } from '../../protocol/extensions/extension.ts';
import type { DeflateDirection, DeflatePreferences } from '../../protocol/deflate/parameters.ts';
import type { PeerError } from '../../protocol/errors.ts';
import { Deflater } from './deflater.ts';
import { MessageInflater } from './message-inflater.ts';
import { ZlibPool } from './zlib-pool.ts';

/** Node's zlib for permessage-deflate. */
export class NodeZlib extends ZlibPool implements Zlib {
  /** Compressors without context takeover; equal parameters share one. */
  readonly #shared = new Map<number, Deflater>();

  compressor(parameters: CompressionParameters, contextTakeover: boolean): Compressor {
    if (contextTakeover) return new Deflater(this, parameters, true);
    const { windowBits, level, memLevel } = parameters;
    const key = windowBits * 1_000 + memLevel * 20 + level;
    let deflater = this.#shared.get(key);
    if (deflater === undefined) {
      deflater = new Deflater(this, parameters, false);
      this.#shared.set(key, deflater);
    }
    return deflater;
  }

  inflater(
    direction: DeflateDirection,
    asyncThresholdBytes: number,
    done: (error?: PeerError) => void,
  ): MessageDecoder {
    return new MessageInflater(this, direction, asyncThresholdBytes, done);
  }

  /**
   * Returns the preferences to negotiate with. Without Node internals there is no context takeover: the public
   * interface is too slow.
   */
  preferences(settings: DeflateSettings): DeflatePreferences {
    if (!settings.contextTakeover || this.drivesZlib) return settings;
    return { ...settings, contextTakeover: false };
  }
}
