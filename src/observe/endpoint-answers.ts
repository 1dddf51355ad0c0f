import type { Readiness } from '../server/readiness.ts';
import { METRICS_TYPE } from './metrics/text.ts';

/** A response of an endpoint, on the server's own port or on the admin port. */
export interface EndpointAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

function answer(
  status: number,
  type: string,
  body: string,
  ...more: readonly (readonly [string, string])[]
): EndpointAnswer {
  // A balancer or browser must ask each time.
  return { status, headers: [['content-type', type], ['cache-control', 'no-store'], ...more], body };
}

/** The process runs. */
export const healthAnswer = (): EndpointAnswer => answer(200, TEXT, 'ok\n');

/** @param retryAfterSeconds When a client that gets 503 may try again. */
export const readinessAnswer = (readiness: Readiness, retryAfterSeconds: number): EndpointAnswer =>
  readiness.ready
    ? jsonAnswer(readiness)
    : jsonAnswer(readiness, 503, ['retry-after', String(retryAfterSeconds)]);

/** @param text In Prometheus' text format. */
export const metricsAnswer = (text: string): EndpointAnswer => answer(200, METRICS_TYPE, text);

export const jsonAnswer = (
  value: unknown,
  status = 200,
  ...more: readonly (readonly [string, string])[]
): EndpointAnswer => answer(status, JSON_TYPE, `${JSON.stringify(value)}\n`, ...more);

/** A sentence for a person or a log. */
export const textAnswer = (
  status: number,
  sentence: string,
  ...more: readonly (readonly [string, string])[]
): EndpointAnswer => answer(status, TEXT, `${sentence}\n`, ...more);
