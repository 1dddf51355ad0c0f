import {
  type HttpRequest,
  type Logger,
  refuse,
  type RequestHook,
  type ServerOptions,
  WebSocketServer,
} from '../../index.ts';
import { answerTopics, refuseTopics } from './publish-door.ts';
import { HAWSER_V1 } from './subprotocol.ts';
import type { TopicSettings } from './topic-flags.ts';

/**
 * A server of topics, not listening yet. It accepts clients of `hawser.v1` only, and refuses every topic that is not allowed.
 * @param given Options of other flags.
 * @param log Gets a line for each publish and each refusal; missing: no lines.
 * @param page Serves the page at `/`, to browsers; missing: they get a text.
 */
export function topicServer(
  given: ServerOptions,
  settings: TopicSettings,
  log: Logger | undefined,
  page?: RequestHook,
): WebSocketServer {
  const { maySubscribe, mayPublish, hasMembers, hasHistory, history, presence, token } = settings;
  const { maxMessageBytes = 1_048_576, maxRequestBodyBytes, endpoints, protocols = [] } = given;
  const maxBodyBytes = Math.min(maxMessageBytes, maxRequestBodyBytes ?? maxMessageBytes);
  const server: WebSocketServer = new WebSocketServer({
    ...given,
    maxRequestBodyBytes: maxBodyBytes,
    endpoints: { health: '/healthz', ready: '/readyz', ...endpoints },
    protocols: [HAWSER_V1, ...protocols.filter((name) => name !== HAWSER_V1)],
    history,
    presence,
    upgrade: ({ protocols: offered }) =>
      offered.has(HAWSER_V1) ? undefined : refuse(400, { body: NOT_OFFERED }),
    authorizeSubscribe: ({ id }, topic) => {
      const allowed = maySubscribe(topic);
      if (!allowed) log?.info({ connectionId: id, topic }, 'subscription refused');
      return allowed && hasMembers(topic) ? { presence: {} } : allowed;
    },
    authorizePublish: ({ id }, topic, message) => {
      const allowed = mayPublish(topic);
      const bytes = Buffer.byteLength(message);
      log?.info({ connectionId: id, topic, bytes }, allowed ? 'publish accepted' : 'publish refused');
      return allowed;
    },
    requestHead: (head) => refuseTopics({ token, maxBodyBytes }, head),
    request: async (request) =>
      (await answerTopics({ server, hasHistory, hasMembers, log }, request)) ?? answerOther(page, request),
  });
  return server;
}

const NOT_OFFERED = `This server speaks the subprotocol ${HAWSER_V1}, which the client did not offer.\n`;

/** At `/`, a page for browsers, and a text for others; 404 elsewhere. */
function answerOther(page: RequestHook | undefined, request: HttpRequest): ReturnType<RequestHook> {
  const { url, method, headers } = request;
  if (url.pathname !== '/') return textAnswer(404, 'There is nothing here.\n');
  if (method !== 'GET' && method !== 'HEAD')
    return textAnswer(405, 'Use GET or HEAD.\n', { allow: 'GET, HEAD' });
  if (page !== undefined && /\btext\/html\b/i.test(headers.get('accept') ?? '')) return page(request);
  const socket = `${url.protocol === 'https:' ? 'wss' : 'ws'}://${url.host}/`;
  const fields = `-H 'Authorization: Bearer <token>' -H 'Content-Type: text/plain'`;
  return textAnswer(
    200,
    [
      'A Hawser server of topics.',
      '',
      `Try it:     ${url.href} in a browser`,
      `Subscribe:  hawser subscribe ${socket} <topic>`,
      `            or any WebSocket client with the subprotocol ${HAWSER_V1}`,
      `Publish:    curl ${url.origin}/topics/<topic> ${fields} -d <message>`,
      '',
    ].join('\n'),
    { vary: 'accept' },
  );
}

const textAnswer = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(text, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } });
