import { createHash } from 'node:crypto';
import { type Connection, type RequestHook, type ServerOptions, WebSocketServer } from '../../index.ts';
import { HAWSER_V1 } from '../topics/subprotocol.ts';
import { ENTER, type Enter, isRoomTopic, roomTopic, SAY, type Say } from './chat-requests.ts';
import { Names } from './names.ts';

const DAY_MS = 86_400_000;
/** Messages that a room stores. */
export const HISTORY = 200;
/** A page that is loaded again returns within this time. */
const GRACE_MS = 3_000;

/** A message in a room: the text that the server publishes, as JSON. */
export interface Said {
  /** Key of the member. */
  readonly from: string;
  readonly name: string;
  readonly text: string;
  /** Wall time, as ISO 8601. */
  readonly at: string;
  readonly ref: string;
}

interface User {
  /** Public; the session is secret. */
  readonly key: string;
  readonly name: string;
}

/** What the chat knows of a connection. */
class Visitor {
  user: User | undefined;
  /** Topics in which the user has a name. */
  readonly topics = new Set<string>();
  readonly #waiting: ((user: User) => void)[] = [];

  enter(user: User): void {
    this.user = user;
    for (const resolve of this.#waiting.splice(0)) resolve(user);
  }

  /** Resolves when the page has said who it is: after a reconnect it subscribes at the same time. */
  entered(): Promise<User> {
    return this.user === undefined
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(this.user);
  }
}

/**
 * A chat, not listening yet. Every room is a topic with history and presence. Only the server publishes, so that a message
 * carries the name of the user who sent it.
 * @param request Serves the page.
 */
export function chatServer(options: ServerOptions, request: RequestHook): WebSocketServer {
  const names = new Names<Connection>();
  const visitors = new WeakMap<Connection, Visitor>();
  const visitorOf = (connection: Connection): Visitor => {
    const visitor = visitors.get(connection) ?? new Visitor();
    visitors.set(connection, visitor);
    return visitor;
  };
  const server: WebSocketServer = new WebSocketServer({
    ...options,
    protocols: [HAWSER_V1],
    request,
    history: { match: 'room:*', maxMessages: HISTORY, ttlMs: DAY_MS, positionTtlMs: 2 * DAY_MS },
    presence: { match: 'room:*', graceMs: GRACE_MS },
    authorizeSubscribe: async (connection, topic) => {
      if (!isRoomTopic(topic)) return false;
      const visitor = visitorOf(connection);
      const { key, name } = await visitor.entered();
      const elsewhere = options.cluster === undefined ? undefined : await namesIn(server, topic);
      if (connection.state !== 'open') return false;
      visitor.topics.add(topic);
      return { presence: { key, info: { name: names.take(topic, key, name, connection, elsewhere) } } };
    },
  });
  server.handle(
    'enter',
    (connection, { name, session }: Enter) => {
      const key = createHash('sha256').update(session).digest('base64url').slice(0, 16);
      visitorOf(connection).enter({ key, name });
      return { key };
    },
    { schema: ENTER },
  );
  server.handle(
    'say',
    async (connection, { room, text, ref }: Say) => {
      const { user } = visitorOf(connection);
      const topic = roomTopic(room)!;
      const name = user === undefined ? undefined : names.of(topic, user.key, connection);
      if (user === undefined || name === undefined) return { ok: false };
      const said: Said = { from: user.key, name, text, at: new Date().toISOString(), ref };
      const { relayed } = server.publish(topic, JSON.stringify(said));
      return { ok: (await relayed)?.ok ?? true };
    },
    { schema: SAY },
  );
  const left = (connection: Connection, topic: string): void => {
    const { user, topics } = visitorOf(connection);
    if (user !== undefined && topics.delete(topic)) names.leave(topic, user.key, connection);
  };
  server.on('unsubscribe', left);
  server.on('close', (connection) => {
    for (const topic of visitorOf(connection).topics) left(connection, topic);
  });
  return server;
}

/** The names of the members of a room on all servers, by key; none if the room has too many members, or the engine is away. */
async function namesIn(server: WebSocketServer, topic: string): Promise<ReadonlyMap<string, string>> {
  const { members = [] } = await server.presence(topic).catch(() => ({ members: [] }));
  const names = new Map<string, string>();
  for (const { key, info } of members) {
    const { name } = Object(info) as { readonly name?: unknown };
    if (typeof name === 'string') names.set(key, name);
  }
  return names;
}
