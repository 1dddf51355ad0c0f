import { parseExtensions, printable } from '../protocol/index.ts';
import { WaitError } from '../testing/index.ts';
import { text } from './build.ts';
import type { Case, Run } from './case.ts';
import { negotiate, type Negotiated } from './deflate-codec.ts';
import { expectation, judgeRun, needsEcho, type RunContext, type RunResult } from './judge-run.ts';
import { judgeRequest } from './judge-request.ts';
import type { Target, Verdict } from './model.ts';
import type { RequestSpec } from './request.ts';
import { skipped } from './result.ts';
import { open } from './target.ts';
import { Wire } from './wire.ts';

/** The findings about a server before the first case. */
export interface Probe {
  readonly echoes: boolean;
  readonly remarks: readonly string[];
}

const TOKEN = 'hawser conform: is this an echo?';

/**
 * Opens one connection and finds out whether the server is an echo server.
 * @throws WaitError if no server answers, or the server refuses the handshake.
 */
export async function probeServer(target: Target): Promise<Probe> {
  const { raw, head, fault } = await open(target);
  using wire = new Wire(raw, 'server');
  const remarks: string[] = [];
  if (fault !== undefined) {
    if (head.status !== 101)
      throw new WaitError(
        `the server answers ${printable(`${head.status} ${head.reason}`.trim())} instead of 101`,
      );
    remarks.push(`The handshake is invalid: ${fault}.`);
  }
  wire.send(text(TOKEN));
  let greetings = 0;
  for (;;) {
    const event = await wire.next(Math.min(target.timeoutMs, 2_000));
    if ((event.type === 'text' || event.type === 'binary') && event.payload.toString() === TOKEN) break;
    if (event.type === 'breach') {
      remarks.push(`The server breaks a rule in its answer: ${event.says}.`);
      break;
    }
    if (event.type === 'text' || event.type === 'binary') greetings++;
    else if (event.type !== 'ping' && event.type !== 'pong') {
      remarks.push('The server does not send messages back: cases that need an echo are skipped.');
      return { echoes: false, remarks };
    }
    if (greetings > 20) break;
  }
  if (greetings === 0)
    return { echoes: true, remarks: ['The server sends messages back, as an echo server does.', ...remarks] };
  remarks.push('The server sends unsolicited messages: cases that need an echo are skipped.');
  return { echoes: false, remarks };
}

/** Executes one run of a case. Never rejects because of the server: a fault becomes the verdict. */
export async function runAgainstServer(
  one: Case,
  run: Run | RequestSpec,
  target: Target,
  context: RunContext,
): Promise<RunResult> {
  try {
    return await (one.kind === 'request'
      ? judgeRequest(run, target, context)
      : onConnection(run as Run, target, context));
  } catch (error) {
    if (!(error instanceof WaitError)) throw error;
    return judged(run, 'fail', error.message);
  }
}

const judged = (run: Run | RequestSpec, verdict: Verdict, because: string): RunResult => ({
  label: run.label ?? '',
  verdict,
  expected: 'answers' in run ? expectation(run) : '',
  seen: '',
  because: printable(because),
  transcript: [],
});

async function onConnection(run: Run, target: Target, context: RunContext): Promise<RunResult> {
  if (!context.echoes && needsEcho(run))
    return skipped(run.label, 'needs an echo, but the server does not send messages back');
  const { raw, head, fault } = await open(target, run.offer);
  let negotiated: Negotiated | undefined;
  try {
    if (fault !== undefined) return judged(run, 'fail', `the handshake failed: ${fault}`);
    const agreed = agreement(run.offer, head.fields.get('sec-websocket-extensions'));
    if (agreed === 'declined')
      return { ...judged(run, 'informational', 'the offer was declined'), seen: 'no extension' };
    if (typeof agreed === 'string') return judged(run, 'fail', agreed);
    negotiated = agreed;
  } finally {
    if (fault !== undefined || (run.offer !== undefined && negotiated === undefined)) raw[Symbol.dispose]();
  }
  using wire = new Wire(raw, 'server', negotiated);
  return await judgeRun(run, wire, context, negotiated);
}

function agreement(offer: string | undefined, answer: string | undefined): Negotiated | string | undefined {
  if (offer === undefined) return undefined;
  if (answer === undefined) return 'declined';
  try {
    const answers = parseExtensions(answer);
    if (answers.length !== 1) return `the response uses ${answers.length} extensions: ${printable(answer)}`;
    return negotiate(answers[0]!, parseExtensions(offer)[0]!);
  } catch {
    return `the extensions of the response break the grammar: ${printable(answer)}`;
  }
}
