import type { Connection, DriverOf } from '../../connection/connection.ts';
import type { Delivery } from '../../connection/owner.ts';
import { MESSAGE_SEND } from '../../engine/channels.ts';
import type { MessageMeter } from '../../observe/message-meter.ts';
import type { MessageTracer } from '../../observe/tracing/traces.ts';
import type { Audience } from '../../options/call-options.ts';
import type { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { Counters } from '../counters.ts';
import { broadcastTo, type ConnectionIds, deliverTo } from './broadcast.ts';

/** The server whose connections get the messages. */
export interface FanOutOwner {
  readonly counters: Counters;
  readonly meter: MessageMeter | undefined;
  readonly messageTracer: MessageTracer | undefined;
  /** A function of the application failed. @param where Which. */
  handlerFailed(error: unknown, driver: undefined, where: string): void;
}

/** Sends one message to many connections, and counts it. */
export class FanOut<UserData> {
  readonly #owner: FanOutOwner;

  constructor(owner: FanOutOwner) {
    this.#owner = owner;
  }

  /** @param send Sends to one recipient. Missing: all recipients get the frame of `message`. */
  deliver(
    drivers: Iterable<DriverOf<UserData> | undefined>,
    message: PreparedMessage,
    except: ConnectionIds,
    where: Audience<Connection<UserData>>['where'],
    send: ((driver: DriverOf<UserData>) => boolean) | undefined,
  ): Delivery {
    const { counters, meter, messageTracer } = this.#owner;
    const trace =
      messageTracer?.isNext() === true
        ? messageTracer.broadcast(message.payloadBytes, message.isText)
        : undefined;
    const startedMs = meter === undefined ? 0 : meter.now();
    const failed = (error: unknown): void => this.#owner.handlerFailed(error, undefined, 'a where predicate');
    const delivery =
      send === undefined
        ? broadcastTo(drivers, message, except, where, failed)
        : deliverTo(drivers, send, except, where, failed);
    counters.broadcasts++;
    counters.recipients += delivery.sent;
    meter?.broadcast(message.payloadBytes, message.isText, delivery.sent, startedMs);
    trace?.ended(delivery.sent);
    if (MESSAGE_SEND.hasSubscribers && delivery.sent > 0) {
      const { payloadBytes: bytes, isText } = message;
      MESSAGE_SEND.publish({ bytes, isText, recipients: delivery.sent });
    }
    return delivery;
  }
}
