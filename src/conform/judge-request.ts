import { Buffer } from 'node:buffer';
import { type ResponseHead, WaitError } from '../testing/index.ts';
import { printable } from '../protocol/index.ts';
import { gotText } from './build.ts';
import { type Target, type Verdict, wireOf } from './model.ts';
import { judgeRun, type RunContext, type RunResult } from './judge-run.ts';
import {
  encodeRequest,
  faultOfAcceptance,
  newKey,
  type RequestExpectation,
  type RequestSpec,
  withoutSecrets,
} from './request.ts';
import { dial } from './target.ts';
import { Wire } from './wire.ts';

const ACCEPTED: RequestExpectation = { status: 101, refused: 'fail' };

function expectedText(expects: RequestExpectation): string {
  if (expects.status === 101 && expects.declines === true) return '101 without the extension, or a refusal';
  if (expects.status === 101)
    return expects.echo === true ? '101, and an answer to the frames after the head' : '101';
  const names = expects.names === undefined ? '' : `, with ${expects.names}`;
  return expects.status.length === 0 ? 'no 101' : `${expects.status.join(' or ')}${names}`;
}

const statusLine = ({ version, status, reason }: ResponseHead): string =>
  printable(`${version} ${status} ${reason}`.trim());

/** Sends one request and judges the response. */
export async function judgeRequest(
  spec: RequestSpec,
  target: Target,
  context: RunContext,
): Promise<RunResult> {
  const expects = spec.expects ?? ACCEPTED;
  const key = newKey();
  using wire = new Wire(await dial(target), 'server');
  const head = encodeRequest(spec, target, key);
  const behind =
    typeof spec.behind === 'string'
      ? Buffer.from(spec.behind)
      : Buffer.concat((spec.behind ?? []).map((one) => wireOf(one, 'server')));
  const shown = encodeRequest(spec, withoutSecrets(target), key);
  wire.note('us', printable(shown.toString('latin1', 0, 600)).replaceAll('\\u{d}\\u{a}', ' ⏎ '), shown);
  const done = (verdict: Verdict, seen: string, because = ''): RunResult => ({
    label: spec.label ?? '',
    verdict,
    expected: expectedText(expects),
    seen,
    because: verdict === 'pass' ? '' : because,
    transcript: wire.transcript,
  });
  const written = wire.write(Buffer.concat([head, behind]), spec.cutBytes ?? Infinity);
  let answer: ResponseHead;
  try {
    answer = await wire.raw.nextHead({ deadlineMs: context.timeoutMs });
    await written;
  } catch (error) {
    if (!(error instanceof WaitError)) throw error;
    const { stream } = wire.raw;
    const ended = stream.readableEnded || stream.errored !== null || stream.closed;
    wire.note('peer', ended ? 'end of TCP without an answer' : 'nothing', wire.raw.received);
    if (expects.status === 101)
      return done(expects.refused, ended ? 'end of TCP' : 'nothing', 'no response arrived');
    // The end of TCP is a refusal, but without a reason.
    if (ended) return done('non-strict', 'end of TCP', 'no HTTP response arrived');
    // If the RFC allows both readings, the server may wait for the rest of the head.
    const verdict = expects.accepted === 'fail' ? 'fail' : 'informational';
    return done(verdict, 'nothing', 'no HTTP response arrived');
  }
  wire.note(
    'peer',
    printable(answer.raw).replaceAll('\\u{d}\\u{a}', ' ⏎ '),
    Buffer.from(answer.raw, 'latin1'),
  );
  if (expects.status !== 101) return refusal(answer, expects, done);
  if (answer.status !== 101) return done(expects.refused, statusLine(answer), 'the request was refused');
  const offered = [spec.fields?.['Sec-WebSocket-Protocol'] ?? target.protocols.join(',')].flat().join(',');
  const sentKey = [spec.fields?.['Sec-WebSocket-Key'] ?? key].flat()[0]!.replaceAll('*', key).trim();
  const fault = faultOfAcceptance(
    answer,
    sentKey,
    offered.split(',').map((one) => one.trim()),
    [spec.fields?.['Sec-WebSocket-Extensions'] ?? ''].flat().join(','),
  );
  if (fault !== undefined) return done('fail', statusLine(answer), fault);
  const extensions = answer.fields.get('sec-websocket-extensions');
  if (expects.declines === true && extensions !== undefined) {
    return done('fail', statusLine(answer), `the offer was accepted: ${printable(extensions)}`);
  }
  if (expects.echo !== true) return done('pass', statusLine(answer));
  if (!context.echoes) return done('skipped', statusLine(answer), 'the server does not send messages back');
  const run = await judgeRun(
    {
      label: '',
      send: [],
      cutBytes: Infinity,
      heldBytes: 0,
      limitCodes: [],
      answers: (spec.behind as readonly { payload?: string }[]).map(({ payload }) => gotText(payload)),
      end: { by: 'us' },
    },
    wire,
    context,
  );
  return done(
    run.verdict === 'pass' ? 'pass' : expects.refused,
    `${statusLine(answer)}; ${run.seen}`,
    run.because,
  );
}

function refusal(
  answer: ResponseHead,
  expects: Exclude<RequestExpectation, { status: 101 }>,
  done: (verdict: Verdict, seen: string, because?: string) => RunResult,
): RunResult {
  const seen = statusLine(answer);
  if (answer.status === 101) return done(expects.accepted, seen, 'the request was accepted');
  if (expects.status.length > 0 && !expects.status.includes(answer.status)) {
    return done(
      'non-strict',
      seen,
      `refused, but with ${answer.status} instead of ${expects.status.join(' or ')}`,
    );
  }
  if (expects.names !== undefined) {
    const [name = '', value = ''] = expects.names.split(': ');
    const given = answer.fields.get(name.toLowerCase());
    if (given === undefined) return done('fail', seen, `the response lacks ${name}`);
    if (!given.split(',').some((one) => one.trim() === value)) {
      return done('fail', seen, `${name} is '${printable(given)}' and does not name ${value}`);
    }
  }
  return done('pass', seen);
}
