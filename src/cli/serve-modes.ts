import { type Logger, type ServerOptions, WebSocketServer } from '../index.ts';
import { chatServer } from './chat/chat-server.ts';
import { UsageError } from './command.ts';
import type { Flag, FlagValues } from './flags.ts';
import { chatPage, playground, servePage } from './served-page.ts';
import { topicServer } from './topics/serve-topics.ts';
import type { TopicSettings } from './topics/topic-flags.ts';

const MODES = ['echo', 'relay', 'chat', 'topics'] as const;
export type Mode = (typeof MODES)[number];

export const MODE_FLAGS: readonly Flag[] = [
  { name: 'echo', says: 'send every message back; the default; has a playground' },
  { name: 'relay', says: 'send every message to all other connections; has a playground' },
  { name: 'chat', says: 'chat rooms with a web page; open the URL in a browser' },
  {
    name: 'topics',
    says: 'a push server: clients of hawser.v1 subscribe to topics, and programs publish over HTTP',
  },
];

export function modeOf(flags: FlagValues): Mode {
  const given = MODES.filter((mode) => flags.has(mode));
  if (given.length > 1) {
    throw new UsageError(
      `${given.map((mode) => `--${mode}`).join(' and ')} exclude each other: give one of them`,
    );
  }
  return given[0] ?? 'echo';
}

/**
 * The server of a mode, not listening yet.
 * @param topics Settings of the mode `topics`.
 * @param log For `--verbose`.
 */
export function serverFor(
  mode: Mode,
  options: ServerOptions,
  topics: TopicSettings | undefined,
  log: Logger | undefined,
): WebSocketServer {
  const socketPath = typeof options.path === 'string' ? options.path : '/';
  if (topics !== undefined)
    return topicServer(options, topics, log, servePage(playground(socketPath, 'topics')));
  if (mode !== 'echo' && mode !== 'relay') return chatServer(options, servePage(chatPage(socketPath)));
  const server = new WebSocketServer({ ...options, request: servePage(playground(socketPath, mode)) });
  if (mode === 'echo') serveEcho(server);
  else if (options.cluster === undefined) serveRelay(server);
  else serveSharedRelay(server);
  return server;
}

/** Sends every message back to its sender. Stops reading from a client while the client does not read its answers. */
function serveEcho(server: WebSocketServer): void {
  // `drained` rejects if the connection ends first: no more data can be sent.
  server.on('message', (connection, message) =>
    connection.send(message) || connection.state !== 'open'
      ? undefined
      : connection.drained().catch(() => undefined),
  );
}

/** Sends every message to all other connections, also to those of other servers. */
function serveSharedRelay(server: WebSocketServer): void {
  server.on('connection', (connection) => void connection.subscribe('relay'));
  server.on('message', (connection, message) => void connection.publish('relay', message));
}

/** Sends every message to all other connections. */
function serveRelay(server: WebSocketServer): void {
  server.on('message', (connection, message) => {
    server.broadcast(message, { except: connection });
  });
}
