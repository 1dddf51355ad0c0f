import type { DeflatePreferences } from '../../protocol/deflate/parameters.ts';
import { drivesZlib } from './raw-zlib.ts';

/** permessage-deflate as a server or client goes by it; one object for all its connections. */
export interface DeflateSettings extends DeflatePreferences {
  readonly thresholdBytes: number;
  readonly level: number;
  readonly memLevel: number;
  readonly asyncThresholdBytes: number;
}

/** What to negotiate: without steps of zlib of our own there is no context takeover, which the public interface is too slow for. */
export function deflatePreferences(settings: DeflateSettings): DeflatePreferences {
  if (!settings.contextTakeover || drivesZlib()) return settings;
  return { ...settings, contextTakeover: false };
}
