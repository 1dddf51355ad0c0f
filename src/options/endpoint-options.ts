import { checkedRecord, refuseOption } from './option-check.ts';
import { plain } from './option-rules.ts';

/** Paths that the server itself answers on its own port, for GET and HEAD. */
export interface EndpointOptions {
  /** Answers 200 while the process runs, for a liveness probe. Default `false`; a path such as `'/healthz'`. */
  readonly health?: string | false | undefined;
  /**
   * Answers 200 if new clients can connect, otherwise 503 with `Retry-After`; the body has the reasons as JSON. For a
   * readiness probe or a load balancer. Default `false`; a path such as `'/readyz'`.
   */
  readonly ready?: string | false | undefined;
  /**
   * Answers with `server.metrics()`, for Prometheus. Everybody who reaches the port can read it: keep the path from the
   * public in the proxy, or use the option `admin` instead. Default `false`; a path such as `'/metrics'`.
   */
  readonly metrics?: string | false | undefined;
}

/** {@link EndpointOptions} after checking, with defaults. */
export type EndpointSettings = {
  readonly [Name in keyof EndpointOptions]-?: Exclude<EndpointOptions[Name], undefined>;
};

/** The options inside `endpoints`. */
export const ENDPOINT_TABLE = Object.freeze({
  health: plain('endpoint', 'answers 200 while the process runs'),
  ready: plain('endpoint', 'answers 200 if clients can connect, otherwise 503 with the reasons'),
  metrics: plain('endpoint', 'answers with the metrics, for Prometheus'),
} satisfies Readonly<Record<keyof EndpointOptions, unknown>>);

export const DEFAULT_ENDPOINTS: EndpointSettings = Object.freeze({
  health: false,
  ready: false,
  metrics: false,
});

/** @returns The path, or `false`. @throws MisuseError `ERR_OPTION`. */
export function checkedEndpoint(name: string, value: unknown): string | false {
  if (value === false || (typeof value === 'string' && /^\/[^?#\s]*$/.test(value))) return value;
  return refuseOption(name, value, "a path that begins with '/' and has no query, or false");
}

/**
 * Checks the option `endpoints` and fills in its defaults.
 * @throws MisuseError `ERR_OPTION`, also for one path for two endpoints.
 */
export function resolveEndpoints(name: string, value: unknown): EndpointSettings {
  const given = checkedRecord(name, value, ENDPOINT_TABLE, (member, _, path) =>
    checkedEndpoint(member, path),
  );
  const settings: EndpointSettings = Object.freeze({ ...DEFAULT_ENDPOINTS, ...given });
  const paths = Object.entries(settings).filter(([, path]) => path !== false);
  paths.forEach(([member, path], i) => {
    const other = paths.slice(0, i).find(([, before]) => before === path);
    if (other !== undefined) refuseOption(`${name}.${member}`, path, `different from ${name}.${other[0]}`);
  });
  return settings;
}
