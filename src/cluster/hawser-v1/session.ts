import { Buffer } from 'node:buffer';
import type { DriverOf } from '../../connection/connection.ts';
import type { SendOptions } from '../../options/call-options.ts';
import type { RequestOptions } from '../../options/topic-calls.ts';
import { topicFault } from '../../options/topic-name.ts';
import { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import { isTextPayload, type Message, type Payload } from '../../protocol/payload.ts';
import type { Follower, TopicSession } from '../../server/groups/follower.ts';
import type { SessionHost } from '../../server/groups/session-host.ts';
import { type ClientFrame, type FrameFault, type Id, readFrame } from './client-frame.ts';
import { Operations } from './operations.ts';
import { Publishes } from './publishes.ts';
import { Requests } from './requests.ts';
import { plainFrame, type PresenceFrames } from './server-frame.ts';
import { Subscriptions } from './subscriptions.ts';

/** So many malformed frames within {@link FAULT_WINDOW_MS} close the connection. */
const MAX_FAULTS = 10;
const FAULT_WINDOW_MS = 60_000;

/** Speaks `hawser.v1` on one connection. */
export class Session<UserData> implements TopicSession {
  readonly #operations: Operations<UserData>;
  readonly #subscriptions: Subscriptions<UserData>;
  readonly #publishes: Publishes<UserData>;
  readonly #requests: Requests<UserData>;
  /** Times of the last malformed frames; `undefined` without any. */
  #faultsMs: number[] | undefined;

  /** Sends `hello`. @param frames Shared by all sessions of the server. */
  constructor(host: SessionHost<UserData>, driver: DriverOf<UserData>, frames: PresenceFrames) {
    this.#operations = new Operations(host, driver);
    this.#subscriptions = new Subscriptions(this.#operations, frames);
    this.#publishes = new Publishes(this.#operations);
    this.#requests = new Requests(this.#operations);
    const { heartbeat, pingIntervalMs } = host.options;
    this.#operations.send({
      op: 'hello',
      v: 1,
      connection: driver.id,
      pingMs: heartbeat ? pingIntervalMs : 0,
    });
  }

  get wantsMore(): boolean {
    return this.#operations.wantsMore;
  }

  received(message: Message, isText: boolean): void {
    const frame = readFrame(message, isText);
    switch (frame.op) {
      case 'fault':
        this.#refuse(frame);
        break;
      case 'ping':
        this.#operations.send({ op: 'pong' });
        break;
      case 'message':
        this.#deliver(frame.data);
        break;
      case 'request':
        this.#requests.handle(this.#operations.begin(frame.id), frame.name, frame.data);
        break;
      case 'reply':
        this.#requests.replied(frame.id, frame.data);
        break;
      case 'error':
        this.#requests.failed(frame.id, frame.code, frame.message);
        break;
      case 'subscribe':
      case 'unsubscribe':
      case 'publish':
      case 'presence':
        this.#onTopic(frame);
    }
  }

  send(payload: Payload, options: SendOptions | undefined): boolean {
    const { driver } = this.#operations;
    const message = new PreparedMessage(payload, options, driver.owner.engine.reusableBytes);
    return driver.sendForm(plainFrame(message), payload, options?.binary);
  }

  formOf(message: PreparedMessage): PreparedMessage {
    return plainFrame(message);
  }

  followerOf(topic: string): Follower {
    return this.#subscriptions.followerOf(topic);
  }

  request(name: string, data: unknown, options: RequestOptions | undefined): Promise<unknown> {
    return this.#requests.request(name, data, options);
  }

  drained(): void {
    this.#operations.drained();
  }

  ended(): void {
    const operations = this.#operations;
    operations.isOver = true;
    operations.host.groups.sessions--;
    operations.deciding.end();
    operations.driver.attempt(() => this.#subscriptions.end());
    operations.driver.attempt(() => this.#requests.end());
  }

  #onTopic(frame: ClientFrame & { readonly topic: string; readonly id: Id }): void {
    const operations = this.#operations;
    const { id, topic } = frame;
    const fault = topicFault(topic);
    if (fault !== undefined) {
      operations.send({ op: 'error', id, code: 'topic', message: `a topic ${fault}` });
      return;
    }
    if (frame.op === 'subscribe') this.#subscriptions.subscribe(frame);
    else if (frame.op === 'publish') this.#publishes.publish(operations.begin(id), topic, frame.data);
    else if (frame.op === 'presence') this.#subscriptions.presence(operations.begin(id), topic);
    else {
      const operation = operations.begin(id);
      this.#subscriptions.unsubscribe(operation, topic);
      operations.end();
    }
  }

  #deliver(data: Message): void {
    const { driver, host } = this.#operations;
    const isText = isTextPayload(data, undefined);
    driver.deliver(isText && host.options.textAs === 'buffer' ? Buffer.from(data as string) : data, isText);
  }

  #refuse({ id, code, message }: FrameFault): void {
    const { driver, host } = this.#operations;
    this.#operations.send({ op: 'error', id, code, message });
    const nowMs = host.clock.now();
    const faults = (this.#faultsMs ??= []);
    faults.push(nowMs);
    if (faults.length < MAX_FAULTS) return;
    if (nowMs - faults.shift()! < FAULT_WINDOW_MS) {
      driver.closeFor(1008, 'too many malformed frames', 'protocol-error');
    }
  }
}
