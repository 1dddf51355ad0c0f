/** The longest that is believed, in ms: 2^31 − 1, as for timers. */
const MAX_MS = 2 ** 31 - 1;

/**
 * What `Retry-After` asks for (RFC 9110 §10.2.3): a number of seconds, or a date.
 * @param nowMs Wall time.
 * @returns Milliseconds from 0 to 2^31 − 1; `undefined` if there is no such field, or no sense in it.
 */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,10}$/.test(value) ? Number(value) * 1_000 : dateMs(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_MS);
}

/** Only dates as HTTP writes them (RFC 9110 §5.6.7): `Date.parse` takes much else for one. */
const dateMs = (text: string): number =>
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text) ? Date.parse(text) : NaN;
