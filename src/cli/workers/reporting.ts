import { type Engine, workerEngine } from '../../cluster/index.ts';

/**
 * Lets the primary read the metrics of a worker, and stop its server in order, although the topics of the worker are those of a
 * broker.
 * @param engine The engine of the broker; it is changed.
 */
export function reporting(engine: Engine): Engine {
  const [start, stop] = [engine.start.bind(engine), engine.stop.bind(engine)];
  // It carries no message: the hub knows the worker by it.
  const report = workerEngine();
  return Object.assign(engine, {
    start: async (host) => {
      const { nodeId, clock, random, limits, server } = host;
      const ignored = (): void => undefined;
      report
        .start({
          nodeId,
          clock,
          random,
          limits,
          server,
          connected: ignored,
          disconnected: ignored,
          deliver: ignored,
          control: ignored,
          fault: (error) => host.fault(error),
        })
        .catch((error: Error) => host.fault(error));
      await start(host);
    },
    stop: async (deadlineMs) => {
      await Promise.all([stop(deadlineMs), report.stop(deadlineMs)]);
    },
  } satisfies Pick<Engine, 'start' | 'stop'>);
}
