import type { Delivery } from '../../connection/owner.ts';
import type { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { ConnectionIds } from './broadcast.ts';
import type { Position } from './topic.ts';
import type { TopicInterest } from './topics.ts';

/** The result of a publish on other servers. */
export type Relayed =
  | {
      readonly ok: true;
      /** The position that the relay assigned to the message; missing if it numbers no messages. */
      readonly position?: Position | undefined;
    }
  | { readonly ok: false; readonly error: unknown };

/** What `publish` returns on a server with a relay. */
export interface RelayedDelivery extends Delivery {
  /** Never rejects. */
  readonly relayed: Promise<Relayed>;
}

/**
 * Delivers a message of another server to the subscribers of its topic on this server. Without subscribers it does
 * nothing. It never throws.
 * @param except Ids of connections that do not get the message.
 * @param position As assigned by the relay; missing if it numbers no messages.
 */
export type DeliverRelayed = (
  topic: string,
  message: PreparedMessage,
  except?: ConnectionIds,
  position?: Position,
) => void;

/**
 * Joins the topics of several servers. The server calls it for topics that passed `checkTopic`, in the order of the calls
 * of the application. A method that throws fails that call alone; the server logs it.
 */
export interface Relay extends TopicInterest {
  /**
   * The first call, once.
   * @param deliver To be called in the order in which the other server published; not from inside a method of the relay,
   *   where it could overtake the message that is being published.
   */
  start(deliver: DeliverRelayed): void;
  /**
   * Sends a message to the subscribers of `topic` on all other servers. Local subscribers have it already.
   * @param message Shared with local connections; never changed.
   * @param except Ids of connections that must not get the message.
   */
  publish(topic: string, message: PreparedMessage, except: ConnectionIds): Promise<Relayed>;
}

/** Calls a relay and keeps its failures from the caller. */
export class RelayCalls implements TopicInterest {
  readonly #relay: Relay;
  readonly #failed: (error: unknown, topic: string) => void;

  /** @param failed Called with what the relay throws, and with the topic of the call. */
  constructor(relay: Relay, failed: (error: unknown, topic: string) => void) {
    this.#relay = relay;
    this.#failed = failed;
  }

  subscribe(topic: string): void {
    try {
      this.#relay.subscribe(topic);
    } catch (error) {
      this.#failed(error, topic);
    }
  }

  unsubscribe(topic: string): void {
    try {
      this.#relay.unsubscribe(topic);
    } catch (error) {
      this.#failed(error, topic);
    }
  }

  /** @returns A promise that never rejects. */
  async publish(topic: string, message: PreparedMessage, except: ConnectionIds): Promise<Relayed> {
    try {
      return await this.#relay.publish(topic, message, except);
    } catch (error) {
      this.#failed(error, topic);
      return { ok: false, error };
    }
  }
}
