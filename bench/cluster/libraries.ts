import type { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { BENCH } from '../sides.ts';

/** The folder with the packages that clusters of Hawser are compared with. */
const FOLDER = join(BENCH, 'cluster');
const require = createRequire(join(FOLDER, 'package.json'));

/** A client of ioredis, as far as the benchmark calls it. */
export interface Ioredis extends EventEmitter {
  duplicate(options?: object): Ioredis;
  callBuffer(...args: readonly (string | Buffer)[]): Promise<unknown>;
  call(...args: readonly string[]): Promise<unknown>;
  disconnect(): void;
}

interface SocketIoServer {
  adapter(adapter: unknown): void;
  on(event: 'connection', listener: (socket: SocketIoSocket) => void): void;
  to(room: string): { emit(event: string, data: string): void };
}
interface SocketIoSocket {
  on(event: 'join', listener: (room: string, done: () => void) => Promise<void>): void;
  join(room: string): Promise<void> | void;
}
interface SocketIoClient {
  on(event: string, listener: (data: string) => void): void;
  emitWithAck(event: string, room: string): Promise<unknown>;
}

export const Redis = (): (new (options: object) => Ioredis) =>
  (require('ioredis') as { Redis: new (options: object) => Ioredis }).Redis;

export const socketIo = (): (new (http: HttpServer, options: object) => SocketIoServer) =>
  (require('socket.io') as { Server: new (http: HttpServer, options: object) => SocketIoServer }).Server;

export const socketIoClient = (): ((url: string, options: object) => SocketIoClient) =>
  (require('socket.io-client') as { io: (url: string, options: object) => SocketIoClient }).io;

export const pubSubAdapter = (publisher: Ioredis, subscriber: Ioredis): unknown =>
  (
    require('@socket.io/redis-adapter') as { createAdapter(one: Ioredis, two: Ioredis): unknown }
  ).createAdapter(publisher, subscriber);

export const streamsAdapter = (client: Ioredis): unknown =>
  (require('@socket.io/redis-streams-adapter') as { createAdapter(client: Ioredis): unknown }).createAdapter(
    client,
  );

/** Versions of the packages, as package.json pins them. */
export const versions = (): Readonly<Record<string, string>> =>
  (
    JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    }
  ).dependencies;
