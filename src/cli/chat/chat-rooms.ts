import { randomUUID } from 'node:crypto';
import type { Connection, WebSocketServer } from '../../index.ts';
import { type ClientMessage, readClientMessage } from './client-message.ts';
import { Room } from './room.ts';

/** Maximum number of rooms. A new room beyond it evicts the room that has been empty longest. */
export const MAX_ROOMS = 200;

interface Place {
  readonly room: Room<Connection>;
  readonly session: string;
}

/** A chat on a WebSocket server: every room is a topic, and its members are subscribers. */
export class ChatRooms {
  readonly #server: WebSocketServer;
  /** Ordered by the time when the last member left; the newest is last. */
  readonly #rooms = new Map<string, Room<Connection>>();
  readonly #places = new Map<Connection, Place>();

  private constructor(server: WebSocketServer) {
    this.#server = server;
  }

  /** Turns a server into a chat: the chat handles all its messages. */
  static on(server: WebSocketServer): ChatRooms {
    const rooms = new ChatRooms(server);
    server.on('message', (connection, data) => {
      const message = readClientMessage(data);
      if (typeof message === 'string') send(connection, { type: 'refused', why: message });
      else rooms.#received(connection, message);
    });
    server.on('close', (connection) => rooms.#leave(connection));
    return rooms;
  }

  #received(connection: Connection, message: ClientMessage): void {
    switch (message.type) {
      case 'join':
        this.#join(connection, message.room, message.name, message.session);
        break;
      case 'say':
        this.#say(connection, message.text, message.ref);
        break;
      case 'alive':
        send(connection, message);
    }
  }

  #join(connection: Connection, roomName: string, name: string, session: string): void {
    this.#leave(connection);
    const room = this.#roomOf(roomName);
    if (room === undefined) {
      send(connection, { type: 'refused', why: 'There are too many rooms; join one that exists.' });
      return;
    }
    const before = room.people().length;
    const { person, replaced } = room.enter(session, name, connection, randomUUID());
    if (replaced !== undefined) {
      this.#places.delete(replaced);
      replaced.close(4001, 'the same page has connected again');
    }
    this.#places.set(connection, { room, session });
    if (room.people().length > before) this.#publish(room, { type: 'joined', person });
    connection.subscribe(topicOf(room));
    const { epoch } = room;
    const history = room.history();
    send(connection, {
      type: 'welcome',
      room: room.name,
      epoch,
      you: person,
      people: room.people(),
      history,
    });
  }

  #say(connection: Connection, text: string, ref: string): void {
    const place = this.#places.get(connection);
    const result = place?.room.say(place.session, text, ref, new Date().toISOString());
    if (place === undefined || result === undefined) {
      send(connection, { type: 'refused', why: 'Join a room first.' });
    } else if (result.isNew) this.#publish(place.room, result.said);
    else send(connection, result.said);
  }

  #leave(connection: Connection): void {
    const place = this.#places.get(connection);
    if (place === undefined) return;
    this.#places.delete(connection);
    const { room, session } = place;
    connection.unsubscribe(topicOf(room));
    const person = room.leave(session, connection);
    if (person !== undefined) this.#publish(room, { type: 'left', person });
    if (!room.isEmpty) return;
    this.#rooms.delete(room.name);
    this.#rooms.set(room.name, room);
  }

  #roomOf(name: string): Room<Connection> | undefined {
    const known = this.#rooms.get(name);
    if (known !== undefined) return known;
    if (this.#rooms.size >= MAX_ROOMS) {
      const evicted = [...this.#rooms.values()].find(({ isEmpty }) => isEmpty);
      if (evicted === undefined) return undefined;
      this.#rooms.delete(evicted.name);
    }
    const room = new Room<Connection>(name, randomUUID());
    this.#rooms.set(name, room);
    return room;
  }

  #publish(room: Room<Connection>, message: object): void {
    this.#server.publish(topicOf(room), JSON.stringify(message));
  }
}

const topicOf = (room: Room<Connection>): string => `room:${room.name}`;

function send(connection: Connection, message: object): void {
  connection.send(JSON.stringify(message));
}
