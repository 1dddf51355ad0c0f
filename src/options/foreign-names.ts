/**
 * Option names of other libraries (`ws`, Socket.IO, µWebSockets.js, Bun, reconnecting clients), and what to write in
 * Hawser. Each text completes a sentence that begins with "there is no option …; ".
 */
export type ForeignNames = Readonly<Record<string, string>>;

const called = (name: string): string => `it is called ${name}`;
const calledInMs = (name: string): string => `it is called ${name}, in milliseconds`;
const names = (table: Record<string, string>): ForeignNames =>
  Object.freeze(Object.assign(Object.create(null) as Record<string, string>, table));

/** Servers and clients. */
const COMMON: ForeignNames = {
  maxPayload: called('maxMessageBytes'),
  maxPayloadLength: called('maxMessageBytes'),
  maxHttpBufferSize: called('maxMessageBytes'),
  maxReceivedMessageSize: called('maxMessageBytes'),
  pingTimeout: called('pongTimeoutMs'),
  idleTimeout: calledInMs('idleTimeoutMs'),
  sendPings: called('heartbeat'),
  sendPingsAutomatically: called('heartbeat'),
  keepalive: called('heartbeat'),
  autoPong: 'every ping is answered',
  compression: called('perMessageDeflate'),
  maxBackpressure: called('maxBufferedBytes'),
  backpressureLimit: called('maxBufferedBytes'),
  closeOnBackpressureLimit: called('onOverflow'),
  transports: 'WebSocket is the only transport',
  skipUTF8Validation: 'text is always checked (RFC 6455 §8.1)',
  allowSynchronousEvents: 'a listener that returns a promise makes the next message wait',
  parser: 'encode and decode in your own listeners',
  debug: called('logger'),
};

/** Options of `WebSocketServer`. */
export const SERVER_FOREIGN_NAMES: ForeignNames = names({
  ...COMMON,
  port: 'port is an argument of listen(): await server.listen(8080)',
  host: "host is an argument of listen(): await server.listen(8080, '127.0.0.1')",
  hostname: "host is an argument of listen(): await server.listen(8080, '127.0.0.1')",
  server: 'attach the HTTP server: server.attach(httpServer)',
  noServer: 'it is not needed: call server.handleUpgrade(request, socket, head)',
  verifyClient: 'write an upgrade hook, which returns refuse(401) or { data }',
  allowRequest: 'write an upgrade hook, which returns refuse(401) or { data }',
  authenticate: 'write an upgrade hook, which returns refuse(401) or { data }',
  handleProtocols: 'list them in protocols, or return { protocol } from the upgrade hook',
  clientTracking: 'connections are always tracked: server.connections',
  cors: called('allowedOrigins'),
  origin: called('allowedOrigins'),
  origins: called('allowedOrigins'),
  connectTimeout: called('handshakeTimeoutMs'),
  maxLifetime: 'set connection.expiresAt',
  WebSocket: 'every connection is a Connection',
  key: 'put it into tls: { key, cert }',
  cert: 'put it into tls: { key, cert }',
  ssl: called('tls'),
  fetch: 'write a request hook for plain HTTP and an upgrade hook for handshakes',
  open: "listen to the event: server.on('connection', (connection) => …)",
  connection: "listen to the event: server.on('connection', (connection) => …)",
  message: "listen to the event: server.on('message', (connection, message) => …)",
  close: "listen to the event: server.on('close', (connection, info) => …)",
  drain: "listen to the event: server.on('drain', (connection) => …)",
  error: "listen to the event: server.on('error', (error) => …)",
  publishToSelf: 'server.publish reaches all subscribers, connection.publish all but the sender',
  serveClient: 'any WebSocket client can connect, and the server serves no files',
  allowUpgrades: 'WebSocket is the only transport',
  connectionStateRecovery: 'a client that comes back is a new connection',
});

/** `connect` and `ReconnectingClient`. */
const CLIENT_COMMON: ForeignNames = {
  ...COMMON,
  handshakeTimeout: called('connectTimeoutMs'),
  connectionTimeout: called('connectTimeoutMs'),
  timeout: called('connectTimeoutMs'),
  followRedirects: 'set maxRedirects to how many redirects to follow',
  rejectUnauthorized: 'put it into tls: { rejectUnauthorized }',
  ca: 'put it into tls: { ca }',
  key: 'put it into tls: { key, cert }',
  cert: 'put it into tls: { key, cert }',
  pfx: 'put it into tls: { pfx, passphrase }',
  servername: 'put it into tls: { servername }',
  checkServerIdentity: 'put it into tls: { checkServerIdentity }',
  agent: 'connections are not pooled; for a proxy there is proxy, for other ways createConnection',
  protocol: called('protocols'),
  subprotocols: called('protocols'),
  protocolVersion: 'only version 13 is spoken (RFC 6455)',
  extraHeaders: called('headers'),
  auth: "send it in headers, as { Authorization: 'Bearer …' }",
  query: 'put it into the URL',
  path: 'put it into the URL',
  host: 'put it into the URL',
  port: 'put it into the URL',
  withCredentials: "send cookies in headers, as { Cookie: 'name=value' }",
  generateMask: 'masking keys come from the option random',
};

/** Options of `connect`. */
export const CLIENT_FOREIGN_NAMES: ForeignNames = names({
  ...CLIENT_COMMON,
  reconnection: 'connect() makes one connection; ReconnectingClient comes back',
  reconnect: 'connect() makes one connection; ReconnectingClient comes back',
  maxRetries: 'connect() makes one attempt; ReconnectingClient has maxAttempts',
  maxAttempts: 'connect() makes one attempt; ReconnectingClient has maxAttempts',
  token: "it is an option of ReconnectingClient; here send headers: { Authorization: 'Bearer …' }",
});

/** Options of `ReconnectingClient`, beside those of `connect`. */
export const RECONNECT_FOREIGN_NAMES: ForeignNames = names({
  ...CLIENT_COMMON,
  maxRetries: called('maxAttempts'),
  retries: called('maxAttempts'),
  reconnectionAttempts: called('maxAttempts'),
  numOfAttempts: called('maxAttempts'),
  reconnectionDelay: called('baseDelayMs'),
  minReconnectionDelay: called('baseDelayMs'),
  startingDelay: called('baseDelayMs'),
  reconnectInterval: called('baseDelayMs'),
  reconnectionDelayMax: called('maxDelayMs'),
  maxReconnectionDelay: called('maxDelayMs'),
  maxReconnectInterval: called('maxDelayMs'),
  reconnectionDelayGrowFactor: 'delays double with every attempt, at random up to maxDelayMs',
  randomizationFactor: 'delays are at random from 100 ms up to the longest',
  jitter: 'delays are at random from 100 ms up to the longest',
  minUptime: called('stableAfterMs'),
  maxEnqueuedMessages: called('offlineQueue.maxMessages'),
  reconnection: 'it always comes back; connect() makes one connection',
  reconnect: 'it always comes back; connect() makes one connection',
  autoConnect: 'it connects at once: construct it when it is to connect',
  startClosed: 'it connects at once: construct it when it is to connect',
});

/** Options inside `perMessageDeflate`. */
export const DEFLATE_FOREIGN_NAMES: ForeignNames = names({
  zlibDeflateOptions: 'level and memLevel stand in perMessageDeflate itself',
  zlibInflateOptions: 'maxMessageBytes bounds what is inflated',
  concurrencyLimit: 'at most 4 large messages at a time are on the thread pool',
  serverNoContextTakeover: called('contextTakeover, false unless set'),
  clientNoContextTakeover: called('contextTakeover, false unless set'),
  windowBits: called('serverMaxWindowBits and clientMaxWindowBits'),
  maxPayload: 'maxMessageBytes, outside perMessageDeflate, bounds what is inflated',
});

/** Options of single calls: `send`, `broadcast`, `publish`, `listen`, `shutdown`, `attach`. */
export const CALL_FOREIGN_NAMES: ForeignNames = names({
  mask: 'clients mask every frame, servers none (RFC 6455 §5.1)',
  fin: 'send sends whole messages',
  callback: 'await the promise, or connection.drained() for what was sent',
  exclude: called('except'),
  filter: called('where'),
  room: 'publish(topic, payload) reaches the subscribers of a topic',
  rooms: 'publish(topic, payload) reaches the subscribers of a topic',
  topic: 'publish(topic, payload) reaches the subscribers of a topic',
  hostname: called('host'),
  tls: 'it is an option of new WebSocketServer()',
});
