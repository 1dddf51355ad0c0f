import type { Clock, Logger, WebSocketServer } from '../index.ts';

/** Text of the library's log line about an ended connection. */
const CLOSED = 'connection closed';

/** A logger without the library's lines about ended connections: {@link logClients} writes one with the reason. */
export function withoutCloses(log: Logger): Logger {
  const unless =
    (level: keyof Logger): Logger['info'] =>
    (fields, text) => {
      if (text !== CLOSED) log[level](fields, text);
    };
  return { ...log, debug: unless('debug'), warn: unless('warn'), error: unless('error') };
}

/** Logs each client that connects, subscribes, unsubscribes or leaves: what it asked for, and why it left. */
export function logClients(server: WebSocketServer, log: Logger, clock: Pick<Clock, 'wallNow'>): void {
  server.on('connection', ({ id, remoteAddress, remotePort, protocol, extensions }, { url, headers }) => {
    const origin = headers['origin'] ?? '';
    log.info(
      { connectionId: id, remoteAddress, remotePort, path: url.pathname, protocol, extensions, origin },
      'connected',
    );
  });
  server.on('subscribe', ({ id, remoteAddress }, topic) => {
    log.info({ connectionId: id, remoteAddress, topic }, 'subscribed');
  });
  server.on('unsubscribe', ({ id, remoteAddress }, topic) => {
    log.info({ connectionId: id, remoteAddress, topic }, 'unsubscribed');
  });
  server.on('close', (connection, { code, reason, cause, initiator, sentCode, wasClean, error }) => {
    const { id, remoteAddress, connectedAt, messagesReceived, messagesSent } = connection;
    log[error === undefined ? 'info' : 'warn'](
      {
        connectionId: id,
        remoteAddress,
        code,
        reason,
        cause,
        initiator,
        sentCode,
        wasClean,
        durationMs: Math.max(0, Math.round(clock.wallNow() - connectedAt.getTime())),
        messagesReceived,
        messagesSent,
        ...(error === undefined ? {} : { error: error.code, detail: error.message }),
      },
      'disconnected',
    );
  });
}
