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

/** What a server turned out to be, before any case. */
export interface Probe {
  readonly echoes: boolean;
  readonly remarks: readonly string[];
}

const TOKEN = 'hawser conform: is this an echo?';

/**
 * Opens one connection, and finds out whether messages come back.
 * @throws WaitError if no server answers, or no WebSocket server.
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
    remarks.push(`The handshake is not as it should be: ${fault}.`);
  }
  wire.send(text(TOKEN));
  let greetings = 0;
  for (;;) {
    const event = await wire.next(Math.min(target.timeoutMs, 2_000));
    if ((event.type === 'text' || event.type === 'binary') && event.payload.toString() === TOKEN) break;
    if (event.type === 'breach') {
      remarks.push(`What it sends back is not as it should be: ${event.says}.`);
      break;
    }
    if (event.type === 'text' || event.type === 'binary') greetings++;
    else if (event.type !== 'ping' && event.type !== 'pong') {
      remarks.push('It does not send messages back: cases that need an echo are skipped.');
      return { echoes: false, remarks };
    }
    if (greetings > 20) break;
  }
  if (greetings === 0)
    return { echoes: true, remarks: ['It sends messages back, as an echo server does.', ...remarks] };
  remarks.push('It sends messages of its own: cases that need an echo are skipped.');
  return { echoes: false, remarks };
}

/** Makes one run of a case. Never throws for what the server does. */
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
    return ruined(run, 'fail', error.message);
  }
}

const ruined = (run: Run | RequestSpec, verdict: Verdict, because: string): RunResult => ({
  label: run.label ?? '',
  verdict,
  expected: 'answers' in run ? expectation(run) : '',
  seen: '',
  because: printable(because),
  transcript: [],
});

async function onConnection(run: Run, target: Target, context: RunContext): Promise<RunResult> {
  if (!context.echoes && needsEcho(run))
    return skipped(run.label, 'needs an echo, and the target does not send messages back');
  const { raw, head, fault } = await open(target, run.offer);
  let negotiated: Negotiated | undefined;
  try {
    if (fault !== undefined) return ruined(run, 'fail', `the handshake failed: ${fault}`);
    const agreed = agreement(run.offer, head.fields.get('sec-websocket-extensions'));
    if (agreed === 'declined')
      return { ...ruined(run, 'informational', 'the offer was declined'), seen: 'no extension' };
    if (typeof agreed === 'string') return ruined(run, 'fail', agreed);
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
    if (answers.length !== 1) return `the answer uses ${answers.length} extensions: ${printable(answer)}`;
    return negotiate(answers[0]!, parseExtensions(offer)[0]!);
  } catch {
    return `the answer's extensions break the grammar: ${printable(answer)}`;
  }
}
