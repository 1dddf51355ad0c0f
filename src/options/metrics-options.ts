import { checkedOption, checkedRecord, refuseOption } from './option-check.ts';
import { count } from './option-rules.ts';

/** What the meter of a server measures. */
export interface MetricsOptions {
  /**
   * The handler time of one in so many messages is measured, on average; the messages are chosen at random. Default 16; 1 to
   * 1,000,000. Measuring each message costs about 130 ns a message.
   */
  readonly handlerTimeOneIn?: number | undefined;
}

/** {@link MetricsOptions} after checking. */
export interface MetricsSettings {
  readonly handlerTimeOneIn: number;
}

/** The options inside `metrics`. */
export const METRICS_OPTION_TABLE = Object.freeze({
  handlerTimeOneIn: count(1_000_000, 'the handler time of one in so many messages is measured'),
} satisfies Readonly<Record<keyof MetricsOptions, unknown>>);

/** What `metrics: true` means. */
export const DEFAULT_METRICS: MetricsSettings = Object.freeze({ handlerTimeOneIn: 16 });

/**
 * Checks the option `metrics` and fills in its defaults.
 * @throws MisuseError `ERR_OPTION`.
 */
export function resolveMetrics(name: string, value: unknown): false | MetricsSettings {
  if (value === false) return value;
  if (value === true) return DEFAULT_METRICS;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuseOption(name, value, 'true, false, or an object such as { handlerTimeOneIn: 16 }');
  const given = checkedRecord(name, value, METRICS_OPTION_TABLE, checkedOption);
  return Object.freeze({ ...DEFAULT_METRICS, ...given });
}
