import {
  type HttpRequest,
  type HttpRequestHead,
  type Message,
  type Logger,
  timingSafeEqualText,
  type WebSocketServer,
} from '../../index.ts';
import { topicFault } from './topic-flags.ts';

const PREFIX = '/topics/';

/** What a request is refused by. */
export interface PublishLimits {
  /** Secret that every request must carry; `undefined` refuses every request. */
  readonly token: string | undefined;
  readonly maxBodyBytes: number;
}

/** What the door needs to know. */
export interface PublishDoor {
  readonly server: WebSocketServer;
  readonly hasHistory: (topic: string) => boolean;
  readonly hasMembers: (topic: string) => boolean;
  /** Gets a line for each message. Missing: no lines. */
  readonly log?: Logger | undefined;
}

/** `code` for programs, `message` for people. `outcome` says whether the message may have been published. */
interface Failure {
  readonly code: string;
  readonly message: string;
  readonly outcome?: 'not-published' | 'unknown';
}

/**
 * Refuses a request for `/topics/` by its head, before the body is read: its method, its token, its topic, or the length of its
 * body.
 * @returns `undefined` for a request that {@link answerTopics} answers, and for other paths.
 */
export function refuseTopics(
  { token, maxBodyBytes }: PublishLimits,
  { method, url, headers }: HttpRequestHead,
): Response | undefined {
  if (!url.pathname.startsWith(PREFIX)) return undefined;
  if (method !== 'POST' && method !== 'GET' && method !== 'HEAD') {
    const allow = { allow: 'GET, HEAD, POST' };
    return failed(405, { code: 'method', message: 'Use POST to publish, or GET.' }, allow);
  }
  const unauthorized = unauthorizedBecause(token, headers.get('authorization'));
  if (unauthorized !== undefined) {
    return failed(401, refusal('unauthorized', unauthorized), { 'www-authenticate': 'Bearer' });
  }
  const topic = topicOf(url.pathname);
  if (typeof topic !== 'string') return failed(topic.status, refusal('topic', topic.why));
  if (headers.has('transfer-encoding')) {
    return failed(411, refusal('length', 'Send a Content-Length instead of a Transfer-Encoding.'));
  }
  const bytes = Number(headers.get('content-length') ?? 0);
  if (bytes > maxBodyBytes) {
    const message = `The message has ${bytes} bytes; the limit is ${maxBodyBytes}.`;
    return failed(413, refusal('too-big', message));
  }
  return undefined;
}

/**
 * Answers `POST /topics/<topic>`, which publishes the body, and `GET /topics/<topic>`, which describes the topic.
 * @param request One that {@link refuseTopics} has not refused.
 * @returns `undefined` for other paths.
 */
export async function answerTopics(door: PublishDoor, request: HttpRequest): Promise<Response | undefined> {
  const { method, url } = request;
  if (!url.pathname.startsWith(PREFIX)) return undefined;
  const topic = decodeURIComponent(url.pathname.slice(PREFIX.length));
  return method === 'POST' ? publish(door, request, topic) : describe(door, topic);
}

async function publish(door: PublishDoor, request: HttpRequest, topic: string): Promise<Response> {
  const { server, log } = door;
  const { body, headers, remoteAddress } = request;
  const payload = payloadOf(body, headers.get('content-type') ?? '');
  if (payload === undefined) {
    return failed(400, refusal('malformed', 'Text and JSON must be UTF-8.'));
  }
  const published = server.publish(topic, payload);
  const relayed = await published.relayed;
  const { position = null } = relayed?.ok === true ? relayed : {};
  log?.info({ topic, bytes: body.length, remoteAddress, ok: relayed?.ok ?? true }, 'published over HTTP');
  if (relayed?.ok !== false) {
    const { sent, skipped, failed: lost } = relayed?.delivery ?? published;
    return answer(200, { ok: true, position, delivery: { sent, skipped, failed: lost } });
  }
  const { error, outcome } = relayed;
  const message = messageOf(error);
  const isTooBig = error instanceof Error && 'code' in error && error.code === 'ERR_ENGINE_REFUSED';
  return isTooBig
    ? failed(413, { code: 'too-big', message, outcome })
    : failed(503, { code: 'unavailable', message, outcome });
}

/** Without history `position` is null; without presence there are no members. */
async function describe({ server, hasHistory, hasMembers }: PublishDoor, topic: string): Promise<Response> {
  try {
    const position = hasHistory(topic) ? await server.position(topic) : null;
    const presence = hasMembers(topic) ? (await server.presence(topic)).count : 0;
    return answer(200, { position, subscribers: server.topics.subscriberCount(topic), presence });
  } catch (error) {
    return failed(503, { code: 'unavailable', message: messageOf(error) });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function unauthorizedBecause(token: string | undefined, field: string | null): string | undefined {
  if (token === undefined) {
    return 'This server takes no messages over HTTP: start it with --publish-token or HAWSER_PUBLISH_TOKEN.';
  }
  const [, given] = /^Bearer +([!-~]+) *$/i.exec(field ?? '') ?? [];
  if (given === undefined) return 'The field Authorization must be: Bearer and the token.';
  return timingSafeEqualText(given, token) ? undefined : 'The token is wrong.';
}

/** The topic of a path, or the status and the reason to refuse it. */
function topicOf(pathname: string): string | { readonly status: 400 | 404; readonly why: string } {
  const encoded = pathname.slice(PREFIX.length);
  if (encoded.includes('/')) return { status: 404, why: 'Write a slash in the name of a topic as %2F.' };
  let topic: string;
  try {
    topic = decodeURIComponent(encoded);
  } catch {
    return { status: 400, why: 'The name of the topic is not valid percent-encoded UTF-8.' };
  }
  const fault = topicFault(topic);
  return fault === undefined ? topic : { status: 400, why: `The topic is not valid: ${fault}.` };
}

/** `text/…` and JSON are text, anything else is binary. @returns `undefined` for text that is not UTF-8. */
function payloadOf(body: Buffer, contentType: string): Message | undefined {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  if (!/^ *(?:text\/[^ ]*|application\/(?:[^ ]*\+)?json) *$/.test(type)) return body;
  const charset = parameters.map((each) => /^ *charset="?([^ "]*)"? *$/.exec(each)?.[1]).find(Boolean);
  if (charset !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(charset)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

const refusal = (code: string, message: string): Failure => ({ code, message, outcome: 'not-published' });

const failed = (status: number, failure: Failure, headers: Readonly<Record<string, string>> = {}): Response =>
  answer(status, { ok: false, ...failure }, headers);

const answer = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
  });
