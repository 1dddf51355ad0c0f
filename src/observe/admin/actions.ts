import type { Connection } from '../../connection/connection.ts';
import { MisuseError } from '../../protocol/errors.ts';
import { printable } from '../../protocol/printable.ts';
import { type EndpointAnswer, jsonAnswer, textAnswer } from '../endpoint-answers.ts';
import { captureAnswer, readCaptureRequest, type StreamedAnswer } from './capture-action.ts';
import type { AdminSubject } from './subject.ts';

/** Where an action came from. */
export interface ActionRequest {
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly remoteAddress: string;
}

const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  close: ['code', 'reason'],
  capture: ['seconds', 'format', 'payloadBytes'],
  drain: ['timeoutMs', 'readyDelayMs'],
};
const NOT_FOUND = (): EndpointAnswer => textAnswer(404, 'There is no such action.');

/**
 * Runs the action that a POST names.
 * @returns The answer; 404 for a path that is no action.
 */
export function runAction(subject: AdminSubject, request: ActionRequest): EndpointAnswer | StreamedAnswer {
  const { pathname } = request;
  const [, id, ofConnection] = /^\/connections\/([\w-]{1,64})\/(close|capture)$/.exec(pathname) ?? [];
  const action = ofConnection ?? (pathname === '/drain' ? 'drain' : undefined);
  if (action === undefined) return NOT_FOUND();
  if (!subject.options.actions)
    return textAnswer(403, 'Actions are off: start the server with admin.actions.');
  const surplus = [...request.query.keys()].find((name) => !PARAMETERS[action]!.includes(name));
  if (surplus !== undefined)
    return textAnswer(400, `The parameters of ${action} are ${PARAMETERS[action]!.join(', ')}.`);
  try {
    if (id === undefined) return drain(subject, request);
    const connection = subject.connections.get(id);
    if (connection === undefined) return textAnswer(404, 'There is no connection with this id.');
    return action === 'close' ? close(subject, request, connection) : record(subject, request, connection);
  } catch (error) {
    if (error instanceof MisuseError) return textAnswer(400, printable(error.message));
    throw error;
  }
}

function close(
  subject: AdminSubject,
  { query, remoteAddress }: ActionRequest,
  connection: Connection,
): EndpointAnswer {
  const { id } = connection;
  const code = numberOf(query, 'code') ?? 1012;
  connection.close(code, query.get('reason') ?? 'closed by an operator');
  tell(subject, `connection closed with ${code}`, remoteAddress, id);
  return jsonAnswer({ closing: id }, 202);
}

function record(
  subject: AdminSubject,
  { query, remoteAddress }: ActionRequest,
  connection: Connection,
): StreamedAnswer {
  const request = readCaptureRequest(query);
  const payloads = request.options.payloadBytes === 0 ? 'without' : 'with';
  tell(subject, `connection captured ${payloads} payloads`, remoteAddress, connection.id);
  return captureAnswer(connection, subject.clock, request);
}

/** Shuts the server down, so that its clients move to other servers. The admin port stays until the end. */
function drain(subject: AdminSubject, { query, remoteAddress }: ActionRequest): EndpointAnswer {
  const timeoutMs = numberOf(query, 'timeoutMs');
  const readyDelayMs = numberOf(query, 'readyDelayMs');
  const connections = subject.connections.size;
  const ended = subject.shutdown({ code: 1012, reason: 'the server is draining', timeoutMs, readyDelayMs });
  // The application may not hold the promise; a failure of the shutdown reaches it through its own calls.
  ended.catch(() => undefined);
  tell(subject, 'server draining', remoteAddress);
  return jsonAnswer({ draining: connections }, 202);
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  return text === null ? undefined : /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
}

/** Shows an action to the other viewers and in the log. */
function tell({ recorder, logger }: AdminSubject, what: string, remoteAddress: string, id?: string): void {
  recorder.note('action', 'warn', `${what} by an operator`, {
    remoteAddress,
    ...(id === undefined ? {} : { id }),
  });
  logger?.warn({ remoteAddress, ...(id === undefined ? {} : { connectionId: id }) }, `admin: ${what}`);
}
