import type { DriverOf } from '../../connection/connection.ts';
import type { Position, SubscribedFrom, SubscribeFromOptions } from '../../options/topic-calls.ts';
import { checkTopic } from '../../options/topic-name.ts';
import { EngineError, MisuseError } from '../../protocol/errors.ts';
import { plainRunOf, PositionFollower } from './position-follower.ts';
import type { Follower } from './follower.ts';
import type { Resumed, TopicNode } from './topic-node.ts';

/** The groups that the subscriptions belong to. */
export interface SubscriptionOwner<UserData> {
  readonly node: TopicNode | undefined;
  isSubscribed(driver: DriverOf<UserData>, topic: string): boolean;
  /** As `Groups.join`. */
  join(driver: DriverOf<UserData>, topic: string, follower: Follower, position: Position): boolean;
  /** As `Groups.joined`. */
  joined(driver: DriverOf<UserData>, topic: string): void;
}

/** A call of `subscribeFrom` that has no answer yet. */
interface Pending {
  readonly cancel: (error: unknown) => void;
}

/** The calls of `connection.subscribeFrom`. */
export class SubscribeFrom<UserData> {
  readonly #owner: SubscriptionOwner<UserData>;
  readonly #pending = new Map<DriverOf<UserData>, Map<string, Pending>>();

  constructor(owner: SubscriptionOwner<UserData>) {
    this.#owner = owner;
  }

  async subscribe(
    driver: DriverOf<UserData>,
    topic: string,
    since: Position | undefined,
    options: SubscribeFromOptions | undefined,
  ): Promise<SubscribedFrom> {
    checkTopic(topic);
    const { node } = this.#owner;
    if (node?.hasHistory(topic) !== true)
      throw new MisuseError(
        'ERR_ARGUMENT',
        `connection.subscribeFrom: topic ${JSON.stringify(topic)} has no history; add a rule to the option history that matches it`,
      );
    const signal = options?.signal;
    signal?.throwIfAborted();
    if (driver.state !== 'open') throw closed();
    if (driver.session !== undefined)
      throw new MisuseError(
        'ERR_STATE',
        'clients of hawser.v1 subscribe by themselves; call subscribe instead',
      );
    if (this.#owner.isSubscribed(driver, topic) || this.#pending.get(driver)?.has(topic) === true)
      throw new MisuseError('ERR_STATE', `this connection is subscribed to ${JSON.stringify(topic)} already`);
    return this.#wait(node, driver, topic, since, options);
  }

  /** @returns Whether a call was pending. */
  cancel(driver: DriverOf<UserData>, topic: string): boolean {
    const pending = this.#pending.get(driver)?.get(topic);
    pending?.cancel(
      new MisuseError('ERR_STATE', 'the connection was unsubscribed while the call was pending'),
    );
    return pending !== undefined;
  }

  /** The connection is closed. */
  cancelAll(driver: DriverOf<UserData>): void {
    for (const { cancel } of this.#pending.get(driver)?.values() ?? []) cancel(closed());
  }

  #wait(
    node: TopicNode,
    driver: DriverOf<UserData>,
    topic: string,
    since: Position | undefined,
    options: SubscribeFromOptions | undefined,
  ): Promise<SubscribedFrom> {
    const signal = options?.signal;
    return new Promise((resolve, reject) => {
      const abort = (): void => pending.cancel(signal?.reason);
      const settle = (): void => {
        signal?.removeEventListener('abort', abort);
        this.#forget(driver, topic);
      };
      let cancelResume = (): void => {};
      const pending: Pending = {
        cancel: (error) => {
          settle();
          cancelResume();
          reject(error);
        },
      };
      this.#remember(driver, topic, pending);
      signal?.addEventListener('abort', abort);
      const isSent = options?.deliver === undefined;
      cancelResume = node.resume(topic, since, {
        runOf: (missed) => (isSent ? plainRunOf(missed) : undefined),
        resumed: (result, sent) => {
          settle();
          if (this.#begin(driver, topic, options, result, sent)) resolve(summary(result));
          else reject(overLimit());
        },
        failed: (code, retryAfterMs) => {
          settle();
          reject(engineError(code, retryAfterMs));
        },
      });
    });
  }

  #begin(
    driver: DriverOf<UserData>,
    topic: string,
    options: SubscribeFromOptions | undefined,
    { position, missed, run }: Resumed,
    sent: () => void,
  ): boolean {
    const follower = new PositionFollower(driver, options);
    const isAdded = this.#owner.join(driver, topic, follower, missed.at(-1)?.position ?? position);
    if (isAdded) {
      this.#owner.joined(driver, topic);
      follower.deliverMissed(missed, run);
    }
    driver.link.afterWriting(sent);
    return isAdded;
  }

  #remember(driver: DriverOf<UserData>, topic: string, pending: Pending): void {
    let topics = this.#pending.get(driver);
    if (topics === undefined) this.#pending.set(driver, (topics = new Map()));
    topics.set(topic, pending);
  }

  #forget(driver: DriverOf<UserData>, topic: string): void {
    const topics = this.#pending.get(driver);
    topics?.delete(topic);
    if (topics?.size === 0) this.#pending.delete(driver);
  }
}

const summary = ({ recovered, position, missed }: Resumed): SubscribedFrom => ({
  recovered,
  position,
  missed: missed.length,
});

const closed = (): MisuseError =>
  new MisuseError('ERR_CLOSED', 'the connection closed before it was subscribed');

const overLimit = (): MisuseError =>
  new MisuseError(
    'ERR_STATE',
    'the connection is not open, or maxTopicsPerConnection or maxTopics is reached',
  );

function engineError(code: 'busy' | 'unavailable', retryAfterMs: number | undefined): EngineError {
  return code === 'unavailable'
    ? new EngineError('ERR_ENGINE_DOWN')
    : Object.assign(new EngineError('ERR_ENGINE_FULL', 'too many subscriptions are pending'), {
        retryAfterMs,
      });
}
