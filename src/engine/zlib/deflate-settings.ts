import type { DeflateSettings } from '../../protocol/deflate/compressor.ts';
import type { DeflatePreferences } from '../../protocol/deflate/parameters.ts';
import { drivesZlib } from './raw-zlib.ts';

/** What to negotiate: without steps of zlib of our own there is no context takeover, which the public interface is too slow for. */
export function deflatePreferences(settings: DeflateSettings): DeflatePreferences {
  if (!settings.contextTakeover || drivesZlib()) return settings;
  return { ...settings, contextTakeover: false };
}
