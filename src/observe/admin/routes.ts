import {
  type EndpointAnswer,
  healthAnswer,
  jsonAnswer,
  metricsAnswer,
  readinessAnswer,
  textAnswer,
} from '../endpoint-answers.ts';
import { pageAnswer } from './page/page.ts';
import type { AdminContent } from './content.ts';
import { viewOfQuery } from './view.ts';

type Route = (query: URLSearchParams, host: string) => EndpointAnswer | Promise<EndpointAnswer>;

/** What an admin port answers to GET and HEAD, by path. */
export class Routes {
  readonly #content: AdminContent;
  readonly #routes: ReadonlyMap<string, Route>;

  constructor(content: AdminContent) {
    this.#content = content;
    this.#routes = new Map<string, Route>([
      ['/', (_, host) => pageAnswer(host)],
      ['/healthz', healthAnswer],
      ['/readyz', async () => readinessAnswer(await content.readiness(), content.retryAfter())],
      ['/metrics', async () => metricsAnswer(await content.metrics())],
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
    if (cluster !== null && cluster !== '1') return textAnswer(400, 'cluster must be 1, or left out.');
    return jsonAnswer(await this.#content.stats(cluster === '1'));
  }

  async #connections(query: URLSearchParams): Promise<EndpointAnswer> {
    const view = viewOfQuery(query);
    if (typeof view === 'string') return textAnswer(400, `${view[0]!.toUpperCase()}${view.slice(1)}.`);
    return jsonAnswer(await this.#content.connections(view));
  }
}
