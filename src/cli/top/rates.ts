import type { AdminSnapshot } from '../../observe/index.ts';

/** Seconds that the sparklines cover. */
export const SECONDS = 60;
export const RATES = ['messages in', 'messages out', 'bytes in', 'bytes out', 'accepted', 'refused'] as const;
export type Rate = (typeof RATES)[number];

const totalsOf = ({
  stats: { messages, bytes, handshakes },
}: AdminSnapshot): Readonly<Record<Rate, number>> => ({
  'messages in': messages.received,
  'messages out': messages.sent,
  'bytes in': bytes.received,
  'bytes out': bytes.sent,
  accepted: handshakes.accepted,
  refused: handshakes.refused,
});

/** Rates of the last minute, from the differences of snapshots. */
export class Rates {
  #last: AdminSnapshot | undefined;
  readonly #series = new Map<Rate, number[]>(RATES.map((name) => [name, []]));

  add(snapshot: AdminSnapshot): void {
    const last = this.#last;
    // A server that has started again counts from 0.
    const isSame = last !== undefined && snapshot.stats.uptimeMs > last.stats.uptimeMs;
    this.#last = snapshot;
    if (!isSame) {
      for (const values of this.#series.values()) values.length = 0;
      return;
    }
    const seconds = (snapshot.stats.uptimeMs - last.stats.uptimeMs) / 1_000;
    const [now, before] = [totalsOf(snapshot), totalsOf(last)];
    for (const [name, values] of this.#series) {
      const rate = Math.max(0, now[name] - before[name]) / seconds;
      // After a gap, as while the viewer was reconnecting, each missed second had the same rate.
      for (let i = 0; i < Math.min(SECONDS, Math.max(1, Math.round(seconds))); i++) values.push(rate);
      values.splice(0, values.length - SECONDS);
    }
  }

  /** One number per second, the newest last. */
  series(name: Rate): readonly number[] {
    return this.#series.get(name)!;
  }
}

/** As many numbers as there are columns for {@link SECONDS}: means of equal parts, the newest last. */
export function resampled(values: readonly number[], columns: number): number[] {
  const perColumn = Math.max(1, SECONDS / columns);
  const found: number[] = [];
  for (let end = values.length; end > 0.5; end -= perColumn) {
    const part = values.slice(Math.max(0, Math.round(end - perColumn)), Math.round(end));
    if (part.length > 0) found.unshift(part.reduce((sum, value) => sum + value, 0) / part.length);
  }
  return found;
}
