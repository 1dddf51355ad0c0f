import { type ClientTlsOptions, MisuseError } from '../client/index.ts';
import { printableUrl } from '../protocol/index.ts';
import { WaitError } from '../testing/index.ts';
import { probeServer, runAgainstServer } from './against-server.ts';
import { type Case, type GroupName, groupOf, type Run } from './case.ts';
import { casesFor, selected } from './cases/all.ts';
import { ClientPeer } from './client-peer.ts';
import type { RunContext } from './judge-run.ts';
import type { Role, Target } from './model.ts';
import { checkOptions, checkSelection } from './option-check.ts';
import type { RequestSpec } from './request.ts';
import { type CaseResult, counted, type Report, type ReportHead, skipped } from './result.ts';
import { runSuite, stopwatch, type SuiteProgress } from './suite.ts';
import { isLocal, open } from './target.ts';

/** A case of the suite. */
export interface CaseDescription {
  /** Stable: `group.subject.detail`. */
  readonly id: string;
  readonly group: GroupName;
  /** A section of RFC 6455, such as `§5.2`, or of another document by name. */
  readonly section: string;
  readonly title: string;
  /** Number of connections that the case opens. */
  readonly runs: number;
}

/** Options of {@link testServer} and {@link testClient}; all may be left out. */
export interface ConformanceOptions {
  /** Cases to run: IDs, groups, or globs such as `close.code.*`. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Concurrent connections. Default 8; 1 to 256. */
  readonly concurrency?: number | undefined;
  /** Time limit of each step of a run. Default 5,000; 50 to 600,000 ms. */
  readonly timeoutMs?: number | undefined;
  /** Abort it to start no further run. The report then has the complete cases only. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** Name of the tester for the report. Default `'hawser/conform'`. */
  readonly tool?: string | undefined;
  /** Called once, before the first case, with the number of cases. */
  readonly onStart?: ((head: ReportHead, cases: number) => void) | undefined;
  /** Called once for each case, when its last run is complete. */
  readonly onCase?: ((result: CaseResult, progress: SuiteProgress) => void) | undefined;
}

/** Options of {@link testServer}; all may be left out. */
export interface ServerTestOptions extends ConformanceOptions {
  /** Header fields of every request. Default: none. */
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined;
  /** Subprotocols to offer. Default: none. */
  readonly protocols?: readonly string[] | undefined;
  /** TLS options for `wss:`. Default: those of Node, with verification. */
  readonly tls?: ClientTlsOptions | undefined;
  /**
   * Whether to run the group `attack`: attacks in amounts that do not affect a healthy server. Ask the owner of the server
   * first. Default: only if the host of the URL is this machine.
   */
  readonly attacks?: boolean | undefined;
}

/** Options of {@link testClient}; all may be left out. */
export interface ClientTestOptions extends ConformanceOptions {
  /** Address to listen on. Default `'127.0.0.1'`. */
  readonly host?: string | undefined;
  /** Port to listen on. Default 0, a free port; up to 65,535. */
  readonly port?: number | undefined;
  /** Called once with the URL for the client. */
  readonly onListening?: ((url: string) => void) | undefined;
}

/** The peer cannot be tested: it cannot be reached, or the port is in use. `cause` is the reason. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError';
}

/** Why attacks are skipped. */
const NOT_ALLOWED = 'attacks on another machine need the consent of its owner';

/**
 * Lists the cases for servers or clients, in the order of a report. Each call allocates megabytes, so reuse the result.
 * @param only As in {@link ConformanceOptions}. Ignores patterns that match no case.
 * @throws MisuseError `ERR_ARGUMENT` for other arguments.
 */
export function conformanceCases(tested: Role, only: readonly string[] = []): CaseDescription[] {
  checkSelection(tested, only);
  return selected(casesFor(tested), only).cases.map(({ id, section, title, runs }) => ({
    id,
    group: groupOf(id),
    section,
    title,
    runs: runs.length,
  }));
}

/**
 * Tests a WebSocket server against RFC 6455 and RFC 7692. For a server that does not send messages back, the cases
 * that need an echo are skipped.
 * @param url `ws:` or `wss:`, without fragment and credentials.
 * @throws MisuseError `ERR_OPTION` for a wrong URL or option; ConformanceError if no server answers, before the first
 *   case or after the last one.
 */
export async function testServer(url: string | URL, options: ServerTestOptions = {}): Promise<Report> {
  checkOptions(options, 'server');
  const { headers = [], protocols = [], tls = {}, timeoutMs = 5_000 } = options;
  const target: Target = { url: serverUrl(url), headers, protocols, tls, timeoutMs };
  const cases = casesOf('server', options);
  const shown = printableUrl(target.url);
  const startedAt = new Date().toISOString();
  const sinceMs = stopwatch();
  const { echoes, remarks } = await reached(probeServer(target), `cannot test ${shown}`);
  const head = headOf('server', shown, startedAt, { echoes, remarks }, options);
  const mayAttack = options.attacks ?? isLocal(target.url);
  const context: RunContext = { echoes, tested: 'server', timeoutMs };
  options.onStart?.(head, cases.length);
  const results = await runSuite(cases, {
    ...suiteOptions(options),
    run: (one, each) =>
      one.id.startsWith('attack.') && !mayAttack
        ? Promise.resolve(skipped(each.label ?? '', NOT_ALLOWED))
        : runAgainstServer(one, each as Run | RequestSpec, target, context),
  });
  const { raw } = await reached(open(target), `${shown} accepts no connection after the last case`);
  raw[Symbol.dispose]();
  return { ...head, durationMs: sinceMs(), counts: counted(results), cases: results };
}

/**
 * Tests a WebSocket client. Listens on a port and executes one run on each connection. The client must send every
 * message back and connect again after each close. A Close with code 4321 ends the test.
 * @returns `undefined` if `signal` was aborted before a client connected.
 * @throws MisuseError `ERR_OPTION` for a wrong option; ConformanceError if the server cannot listen on the port.
 */
export async function testClient(options: ClientTestOptions = {}): Promise<Report | undefined> {
  checkOptions(options, 'client');
  const { host = '127.0.0.1', port = 0, timeoutMs = 5_000 } = options;
  const { signal } = suiteOptions(options);
  const cases = casesOf('client', options);
  await using peer = await listening(ClientPeer.listen(host, port, timeoutMs, signal));
  options.onListening?.(peer.url);
  const probed = await peer.probe();
  if (probed === undefined) return undefined;
  const startedAt = new Date().toISOString();
  const sinceMs = stopwatch();
  const head = headOf('client', probed.name, startedAt, probed, options);
  const context: RunContext = { echoes: probed.echoes, tested: 'client', timeoutMs };
  options.onStart?.(head, cases.length);
  const results = await runSuite(cases, {
    ...suiteOptions(options),
    run: (one, each) => peer.run(one, each, context),
  });
  await peer.dismiss();
  return { ...head, durationMs: sinceMs(), counts: counted(results), cases: results };
}

const suiteOptions = ({ concurrency = 8, signal, onCase }: ConformanceOptions) => ({
  concurrency,
  signal: signal ?? new AbortController().signal,
  onCase: (result: CaseResult, progress: SuiteProgress): void => onCase?.(result, progress),
});

const headOf = (
  tested: Role,
  target: string,
  startedAt: string,
  { echoes, remarks }: Pick<ReportHead, 'echoes' | 'remarks'>,
  { tool = 'hawser/conform' }: ConformanceOptions,
): ReportHead => ({ tool, tested, target, startedAt, echoes, remarks });

/** Selects the cases of a test. @throws MisuseError for a pattern that matches no case. */
function casesOf(tested: Role, { only = [] }: ConformanceOptions): readonly Case[] {
  const { cases, unknown } = selected(casesFor(tested), only);
  if (unknown.length === 0) return cases;
  throw new MisuseError(
    'ERR_OPTION',
    `only matches no case: '${unknown.join("', '")}'; conformanceCases('${tested}') lists them`,
  );
}

/** Parses the URL of a server. @throws MisuseError if it is not a WebSocket URL. */
function serverUrl(url: string | URL): URL {
  const read = URL.canParse(String(url)) ? new URL(url) : undefined;
  if (read !== undefined && /^wss?:$/.test(read.protocol) && read.hash === '' && read.username === '')
    return read;
  throw new MisuseError(
    'ERR_OPTION',
    'url is not the URL of a WebSocket server; it must be ws://host:port/path or wss://…, without fragment and credentials',
  );
}

async function reached<Answer>(answer: Promise<Answer>, failure: string): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof WaitError) {
      const cause = error.cause instanceof Error && 'code' in error.cause ? error.cause : error;
      throw new ConformanceError(`${failure}: ${cause.message}`, { cause });
    }
    throw error;
  }
}

async function listening(peer: Promise<ClientPeer>): Promise<ClientPeer> {
  try {
    return await peer;
  } catch (error) {
    throw new ConformanceError((error as Error).message, { cause: error });
  }
}
