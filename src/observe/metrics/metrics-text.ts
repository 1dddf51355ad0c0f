import { defaultEngine } from '../../engine/engine.ts';
import { BOOLEAN, callOptions, checkCallOptions, checkCount } from '../../options/call-check.ts';
import { MisuseError } from '../../protocol/errors.ts';
import type { WebSocketServer } from '../../server/websocket-server.ts';
import { type ObservedServer, observedServer } from '../observed-server.ts';
import { ProcessSampler } from './process-sampler.ts';
import { renderMetrics } from './text.ts';

/** A `WebSocketServer`, whatever the type of its `data`. */
export type MeteredServer = Pick<WebSocketServer, 'metrics' | 'stats'>;

/** Which metrics are shown. */
export interface MetricsTextOptions {
  /**
   * Whether the metrics of the process are shown: event loop, CPU, memory, versions. Default: `true` for {@link metricsText},
   * `false` for {@link collectors}, because the registry of an application usually has them already.
   */
  readonly process?: boolean | undefined;
}

const OPTIONS = callOptions({ process: BOOLEAN });

/**
 * Checks the arguments of a function that reads metrics.
 * @throws MisuseError `ERR_ARGUMENT` for anything but servers, or for several without names of their own; `ERR_OPTION` for an
 *   unknown or invalid option.
 */
export function checkMetricsArguments(
  call: string,
  servers: unknown,
  options: unknown,
  given: ArrayLike<unknown>,
): readonly ObservedServer[] {
  checkCount(call, given, 2);
  checkCallOptions(call, options, OPTIONS);
  if (!Array.isArray(servers)) return [observedServer(call, 'server', servers)];
  const observed = servers.map((server, at) => observedServer(call, `servers[${at}]`, server));
  const names = observed.map((server) => server.readMetrics().name);
  names.forEach((name, at) => {
    if (names.length > 1 && (name === undefined || names.indexOf(name) < at))
      throw new MisuseError(
        'ERR_ARGUMENT',
        `${call}: servers[${at}] ${name === undefined ? 'has no name' : `is called ${JSON.stringify(name)} as another`}; give each server the option name, with a value of its own`,
      );
  });
  return observed;
}

/**
 * The metrics of one server or several as text for Prometheus, version 0.0.4: for a route of your own. Send it with the header
 * `Content-Type: text/plain; version=0.0.4`. Constant time per server.
 * @param servers Several need the option `name`, each its own: it becomes the label `server`.
 * @throws MisuseError `ERR_ARGUMENT` for anything but servers, or for several without names of their own; `ERR_OPTION` for an
 *   unknown or invalid option.
 */
export function metricsText(
  servers: MeteredServer | readonly MeteredServer[],
  options?: MetricsTextOptions,
): string {
  const observed = checkMetricsArguments('metricsText', servers, options, arguments);
  const { engine } = observed[0] ?? { engine: defaultEngine };
  const process = options?.process === false ? undefined : engine.part(ProcessSampler).read();
  return renderMetrics(
    observed.map((server) => server.readMetrics()),
    process,
  );
}
