import {
  type EndpointAnswer,
  healthAnswer,
  jsonAnswer,
  metricsAnswer,
  readinessAnswer,
  textAnswer,
} from '../endpoint-answers.ts';
import { ConnectionScan } from './connection-scan.ts';
import { pageAnswer } from './page/page.ts';
import { paceOf } from './slices.ts';
import type { AdminSubject } from './subject.ts';
import { keyOf, viewOfQuery } from './view.ts';

type Route = (query: URLSearchParams, host: string) => EndpointAnswer | Promise<EndpointAnswer>;

/** What an admin port answers to GET and HEAD, by path. */
export class Routes {
  readonly #subject: AdminSubject;
  readonly #routes: ReadonlyMap<string, Route>;
  /** One scan at a time: each holds the event loop for a part of its time. */
  #scanning: Promise<unknown> = Promise.resolve();

  constructor(subject: AdminSubject) {
    this.#subject = subject;
    this.#routes = new Map<string, Route>([
      ['/', (_, host) => pageAnswer(host)],
      ['/healthz', healthAnswer],
      ['/readyz', () => readinessAnswer(subject.readiness(), subject.retryAfter())],
      ['/metrics', () => metricsAnswer(subject.metrics())],
      ['/stats', (query) => this.#stats(query)],
      ['/connections', (query) => this.#connections(query)],
      ['/live', () => textAnswer(426, 'Open a WebSocket here.', ['upgrade', 'websocket'])],
    ]);
  }

  /** @returns `undefined` for a path that is none. */
  find(pathname: string): Route | undefined {
    return this.#routes.get(pathname);
  }

  /** The statistics of this server; with `?cluster=1`, those of all servers. */
  async #stats(query: URLSearchParams): Promise<EndpointAnswer> {
    const cluster = query.get('cluster');
    if (cluster === null) return jsonAnswer(this.#subject.stats());
    if (cluster !== '1') return textAnswer(400, 'cluster must be 1, or left out.');
    return jsonAnswer(await this.#subject.cluster.stats());
  }

  async #connections(query: URLSearchParams): Promise<EndpointAnswer> {
    const view = viewOfQuery(query);
    if (typeof view === 'string') return textAnswer(400, `${view[0]!.toUpperCase()}${view.slice(1)}.`);
    const { clock, connections } = this.#subject;
    const scan = async (): Promise<EndpointAnswer> => {
      const tables = await new ConnectionScan(paceOf(clock)).tables(
        connections,
        [view],
        clock.wallNow(),
        () => true,
      );
      return jsonAnswer(tables!.get(keyOf(view)));
    };
    const answer = this.#scanning.then(scan);
    this.#scanning = answer.catch(() => undefined);
    return answer;
  }
}
