import { Buffer } from 'node:buffer';
import { parseExtensions, printable } from '../protocol/index.ts';
import { fine, gotPong, gotText, ping } from './build.ts';
import type { Case, Run } from './case.ts';
import { type Arrival, faultOfRequest, type ReceivedRequest } from './client-request.ts';
import { negotiate, type Negotiated } from './deflate-codec.ts';
import {
  expectation,
  judgeRun,
  needsEcho,
  type RunContext,
  type RunResult,
  shownEvent,
} from './judge-run.ts';
import { type Verdict, wireOf } from './model.ts';
import { encodeResponse, type ResponseSpec } from './response.ts';
import { skipped } from './result.ts';
import type { AnyRun } from './suite.ts';
import { Wire } from './wire.ts';

const shown = (head: string): string => printable(head.slice(0, 600)).replaceAll('\\u{d}\\u{a}', ' ⏎ ');

/** Executes one run on a connection of a client. */
export async function judgeClientRun(
  one: Case,
  run: AnyRun,
  arrival: Arrival,
  seenKeys: Set<string>,
  context: RunContext,
): Promise<RunResult> {
  const fault = faultOfRequest(arrival.request, seenKeys);
  if (fault !== undefined)
    return { ...skipped(run.label ?? '', fault), verdict: 'fail', expected: 'a request as in §4.1' };
  if (one.kind === 'response') return judgeResponse(run as ResponseSpec, arrival, context);
  const frameRun = run as Run;
  const { raw, request } = arrival;
  if (!context.echoes && needsEcho(frameRun)) {
    return skipped(frameRun.label, 'needs an echo, but the client does not send messages back');
  }
  const agreed = frameRun.offer === undefined ? undefined : agreement(frameRun.offer, request);
  if (frameRun.offer !== undefined && agreed === undefined) {
    return {
      ...skipped(frameRun.label, 'the client does not offer permessage-deflate'),
      verdict: 'informational',
      expected: expectation(frameRun),
    };
  }
  using wire = new Wire(raw, 'client', agreed?.negotiated);
  const extensions = agreed === undefined ? {} : { fields: { 'Sec-WebSocket-Extensions': agreed.answer } };
  raw.send(encodeResponse(extensions, request));
  return await judgeRun(frameRun, wire, context, agreed?.negotiated);
}

/** The response to an offer of permessage-deflate: the parameters of the case, limited to those that the client allows. */
function agreement(
  wanted: string,
  { extensions }: ReceivedRequest,
): { readonly answer: string; readonly negotiated: Negotiated } | undefined {
  const offer = parseExtensions(extensions === '' ? 'none' : extensions).find(
    ({ name }) => name === 'permessage-deflate',
  );
  if (offer === undefined) return undefined;
  const offered = new Map(offer.params);
  const params = parseExtensions(wanted)[0]!.params.filter(
    ([name, value]) => name !== 'client_max_window_bits' || (value !== true && offered.has(name)),
  );
  const names = new Set(params.map(([name]) => name));
  for (const [name, value] of offer.params) {
    // The response must repeat server_no_context_takeover. The other is a hint (RFC 7692 §7.1.1), but some clients
    // insist on it.
    const isAsked = name === 'server_no_context_takeover' || name === 'client_no_context_takeover';
    if (isAsked && !names.has(name)) params.push([name, value]);
    if (name === 'server_max_window_bits' && value !== true) {
      const at = params.findIndex(([one]) => one === name);
      if (at < 0) params.push([name, value]);
      else if (Number(params[at]![1]) > Number(value)) params[at] = [name, value];
    }
  }
  const answer = [
    'permessage-deflate',
    ...params.map(([name, value]) => (value === true ? name : `${name}=${value}`)),
  ].join('; ');
  const negotiated = negotiate(parseExtensions(answer)[0]!, offer);
  return typeof negotiated === 'string' ? undefined : { answer, negotiated };
}

async function judgeResponse(
  spec: ResponseSpec,
  { raw, request }: Arrival,
  context: RunContext,
): Promise<RunResult> {
  using wire = new Wire(raw, 'client');
  wire.note('peer', shown(request.text), Buffer.from(request.text, 'latin1'));
  const head = encodeResponse(spec, request);
  wire.note('us', shown(head.toString('latin1')), head);
  const behind = spec.behind ?? [];
  await wire.write(
    Buffer.concat([head, ...behind.map((one) => wireOf(one, 'client'))]),
    spec.cutBytes ?? Infinity,
  );
  if (spec.expects.opens) {
    const answers = [...behind.map(({ payload }) => gotText(payload)), gotPong('open?')];
    const result = await judgeRun(fine([ping('open?')], answers), wire, context);
    const { refused } = spec.expects;
    return {
      ...result,
      label: spec.label ?? '',
      expected: 'the connection is open',
      verdict: result.verdict === 'fail' ? refused : result.verdict,
    };
  }
  wire.send(ping('open?'));
  // A response other than 101 may have a body: end it.
  if (!head.toString('latin1', 0, 32).includes(' 101')) raw.end();
  const event = await wire.next(context.timeoutMs);
  const done = (verdict: Verdict, because = ''): RunResult => ({
    label: spec.label ?? '',
    verdict,
    expected: 'the client fails the connection and ends TCP',
    seen: shownEvent(event),
    because,
    transcript: wire.transcript,
  });
  if (event.type === 'end') return done('pass');
  if (event.type === 'silence')
    return done(
      spec.expects.accepted,
      `the client neither failed the connection nor answered within ${event.ms} ms`,
    );
  // A closing handshake shows that the client opened the connection, but used it only to close it.
  if (event.type === 'close')
    return done('non-strict', 'the client opened the connection and closed it at once');
  return done(spec.expects.accepted, `the client treated the connection as open: ${shownEvent(event)}`);
}
