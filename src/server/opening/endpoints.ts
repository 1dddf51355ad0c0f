import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';
import {
  type EndpointAnswer,
  healthAnswer,
  metricsAnswer,
  readinessAnswer,
  textAnswer,
} from '../../observe/endpoint-answers.ts';
import type { ResolvedServerOptions } from '../../options/resolve-server-options.ts';
import { renderResponse } from '../../protocol/handshake/answer.ts';
import type { RequestHead } from '../../protocol/handshake/http-head.ts';
import { namesHost, readPlainTarget } from '../../protocol/handshake/plain-request.ts';
import type { EntryPolicies } from '../admission/entry-policies.ts';
import type { Readiness } from '../readiness.ts';

/** The server, as its endpoints see it. */
export interface EndpointsOwner {
  readonly options: Pick<ResolvedServerOptions<never>, 'endpoints'>;
  readonly policies: Pick<EntryPolicies, 'judgeHost'>;
  readonly ownAuthority: string;
  readiness(): Readiness;
  metrics(): string;
  /** Value of `Retry-After`, in seconds. */
  retryAfter(): number;
}

/** Answers requests for the paths of the option `endpoints`. */
export class Endpoints {
  readonly #owner: EndpointsOwner;
  readonly #answers: ReadonlyMap<string, () => EndpointAnswer>;

  private constructor(owner: EndpointsOwner, answers: ReadonlyMap<string, () => EndpointAnswer>) {
    this.#owner = owner;
    this.#answers = answers;
  }

  /** @returns `undefined` if the option names no path. */
  static of(owner: EndpointsOwner): Endpoints | undefined {
    const { health, ready, metrics } = owner.options.endpoints;
    const answers = new Map<string, () => EndpointAnswer>();
    if (health !== false) answers.set(health, healthAnswer);
    if (ready !== false) answers.set(ready, () => readinessAnswer(owner.readiness(), owner.retryAfter()));
    if (metrics !== false) answers.set(metrics, () => metricsAnswer(owner.metrics()));
    return answers.size === 0 ? undefined : new Endpoints(owner, answers);
  }

  /**
   * @returns The response, as bytes; `undefined` if the path is not one of the option.
   * @throws HandshakeError `ERR_HOST`, `ERR_TARGET` if `Host` or target are invalid.
   */
  answer(head: RequestHead): Buffer | undefined {
    const answer = this.#answers.get(head.target.split('?', 1)[0]!);
    if (answer === undefined) return undefined;
    const { host, hostname } = readPlainTarget(head, false, undefined, this.#owner.ownAuthority);
    if (namesHost(head) && !isAddress(hostname) && this.#owner.policies.judgeHost(host) !== undefined)
      return rendered(textAnswer(403, 'This host is not allowed.'), head);
    if (head.method !== 'GET' && head.method !== 'HEAD')
      return rendered(textAnswer(405, 'Use GET or HEAD.', ['allow', 'GET, HEAD']), head);
    return rendered(answer(), head);
  }
}

/** Probes name the server by its address. No foreign page can do that (DNS rebinding needs a name). */
const isAddress = (hostname: string): boolean => isIP(hostname.replace(/^\[|\]$/g, '')) > 0;

const rendered = ({ status, headers, body }: EndpointAnswer, { method }: RequestHead): Buffer =>
  renderResponse(status, headers, Buffer.from(body), { withoutBody: method === 'HEAD' });
