import type { Attributes } from '@opentelemetry/api';
import type { HandshakeRequest } from '../observe/tracing/traces.ts';

/** Names of attributes. Those that do not begin with `hawser.` are of OpenTelemetry's semantic conventions. */
export const ATTRIBUTE = Object.freeze({
  protocolName: 'network.protocol.name',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  clientAddress: 'client.address',
  method: 'http.request.method',
  status: 'http.response.status_code',
  route: 'http.route',
  scheme: 'url.scheme',
  path: 'url.path',
  userAgent: 'user_agent.original',
  errorType: 'error.type',
  bodySize: 'messaging.message.body.size',
  kind: 'hawser.kind',
  direction: 'hawser.direction',
  connectionId: 'hawser.connection.id',
  recipients: 'hawser.recipients',
  serverName: 'hawser.server.name',
  closeCode: 'hawser.close.code',
  closeCause: 'hawser.close.cause',
  closeInitiator: 'hawser.close.initiator',
} as const);

export const WEBSOCKET: Attributes = Object.freeze({ [ATTRIBUTE.protocolName]: 'websocket' });

export const kindOf = (isText: boolean): 'text' | 'binary' => (isText ? 'text' : 'binary');

/** The value of `error.type` for what a function of the application threw. */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : error.name;
}

/** The path of a request target, without the query. */
function pathOf(target: string): string | undefined {
  if (target.startsWith('/')) return target.split(/[?#]/, 1)[0];
  return URL.canParse(target) ? new URL(target).pathname : undefined;
}

/** Attributes of the authority that the client named. */
function authority(host: string | undefined, secure: boolean): Attributes {
  const url = `${secure ? 'https' : 'http'}://${host ?? ''}`;
  if (host === undefined || !URL.canParse(url)) return {};
  const { hostname, port } = new URL(url);
  const defaultPort = secure ? 443 : 80;
  return {
    [ATTRIBUTE.serverAddress]: hostname,
    [ATTRIBUTE.serverPort]: port === '' ? defaultPort : Number(port),
  };
}

/** Attributes of a handshake. Nothing of the query, of cookies, or of fields except `Host` and `User-Agent`. */
export function handshakeAttributes(
  request: HandshakeRequest | undefined,
  remoteAddress: string,
): Attributes {
  const client = remoteAddress === '' ? {} : { [ATTRIBUTE.clientAddress]: remoteAddress };
  if (request === undefined) return { ...WEBSOCKET, ...client };
  const { method, target, headers, secure } = request;
  const path = pathOf(target);
  const userAgent = headers['user-agent'];
  return {
    ...WEBSOCKET,
    ...client,
    ...authority(headers['host'], secure),
    [ATTRIBUTE.method]: method === 'GET' || method === 'CONNECT' ? method : '_OTHER',
    [ATTRIBUTE.scheme]: secure ? 'https' : 'http',
    ...(path === undefined ? {} : { [ATTRIBUTE.path]: path }),
    ...(userAgent === undefined ? {} : { [ATTRIBUTE.userAgent]: userAgent }),
  };
}
