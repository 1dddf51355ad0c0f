import type { Position } from '../../options/topic-calls.ts';
import { MisuseError } from '../../protocol/errors.ts';
import type { Follower } from '../../server/groups/follower.ts';
import type { Member, MemberList, Resumed } from '../../server/groups/topic-node.ts';
import type { PresenceWatcher } from '../../server/groups/topic-presence.ts';
import { subscribeVerdict, type SubscribeVerdict } from './authorization.ts';
import type { ClientFrame } from './client-frame.ts';
import type { Operation, Operations } from './operations.ts';
import {
  memberFields,
  positionFields,
  type PresenceFrames,
  ResumedRun,
  resumedRunOf,
} from './server-frame.ts';
import { Subscription } from './subscription.ts';

type SubscribeFrame = ClientFrame & { readonly op: 'subscribe' };

/** A subscription that has no answer yet. */
interface Pending {
  readonly operation: Operation;
  readonly since: Position | undefined;
  presence: boolean;
  /** Further `subscribe` frames of the same topic: they get the same answer. */
  readonly others: Operation[];
  /** An `unsubscribe` came, or the connection is closed. */
  isCancelled: boolean;
  cancel: () => void;
}

/** The topics of one session: `subscribe`, `unsubscribe` and `presence`. */
export class Subscriptions<UserData> implements PresenceWatcher {
  readonly #operations: Operations<UserData>;
  readonly #frames: PresenceFrames;
  readonly #current = new Map<string, Subscription<UserData>>();
  readonly #pending = new Map<string, Pending>();

  constructor(operations: Operations<UserData>, frames: PresenceFrames) {
    this.#operations = operations;
    this.#frames = frames;
  }

  subscribe({ id, topic, since, presence }: SubscribeFrame): void {
    const operations = this.#operations;
    const operation = operations.begin(id);
    const current = this.#current.get(topic);
    const pending = this.#pending.get(topic);
    if (pending !== undefined) {
      pending.presence ||= presence;
      pending.others.push(operation);
    } else if (current !== undefined) {
      if (presence && !this.#watch(current)) this.#refusePresence(operation);
      else operations.answer(operation, { op: 'ok', id, topic, ...current.position });
      operations.end();
    } else
      this.#begin(topic, { operation, since, presence, others: [], isCancelled: false, cancel: () => {} });
  }

  unsubscribe(operation: Operation, topic: string): void {
    const operations = this.#operations;
    const pending = this.#pending.get(topic);
    const current = this.#current.get(topic);
    if (pending !== undefined) {
      this.#fail(topic, pending, 'not-subscribed', 'an unsubscribe came before the answer');
      this.#cancel(topic, pending);
    }
    if (current !== undefined) this.#forget(current);
    const wasMember = operations.host.groups.leaveTopic(operations.driver, topic);
    if (wasMember || pending !== undefined)
      operations.answer(operation, { op: 'ok', id: operation.id, topic });
    else operations.fail(operation, 'not-subscribed', 'the connection is not subscribed to this topic');
  }

  presence(operation: Operation, topic: string): void {
    const operations = this.#operations;
    const { host } = operations;
    const list = (): void => {
      if (!host.node.hasPresence(topic)) {
        this.#refusePresence(operation);
        operations.end();
        return;
      }
      host.node.members(topic).then(
        ({ count, members }) => {
          const listed = members?.map(memberFields);
          operations.answer(operation, { op: 'ok', id: operation.id, count, members: listed });
          operations.end();
        },
        () => {
          operations.fail(operation, 'unavailable', 'the members cannot be read now');
          operations.end();
        },
      );
    };
    if (this.#current.has(topic)) list();
    else
      this.#authorize(topic, (verdict) => {
        if (verdict !== undefined) {
          list();
          return;
        }
        operations.fail(operation, 'forbidden', 'this topic is not allowed');
        operations.end();
      });
  }

  isSubscribed(topic: string): boolean {
    return this.#current.has(topic);
  }

  /** Takes the messages of a topic that the application subscribed the connection to. */
  followerOf(topic: string): Follower {
    const subscription = this.#newSubscription(topic);
    subscription.tellPosition();
    return subscription;
  }

  joined(topic: string, member: Member): void {
    this.#current.get(topic)?.membersChanged(this.#frames.joined(topic, member));
  }

  left(topic: string, member: Member): void {
    this.#current.get(topic)?.membersChanged(this.#frames.left(topic, member));
  }

  counted(topic: string, list: MemberList): void {
    this.#current.get(topic)?.membersChanged(this.#frames.counted(topic, list));
  }

  /** The connection is closed. */
  end(): void {
    const { groups } = this.#operations.host;
    for (const [topic, pending] of this.#pending) this.#cancel(topic, pending);
    for (const { topic, isWatching } of this.#current.values())
      if (isWatching) groups.presence.unwatch(topic, this);
    this.#current.clear();
  }

  #begin(topic: string, pending: Pending): void {
    const operations = this.#operations;
    const { maxTopicsPerConnection } = operations.host.options;
    this.#pending.set(topic, pending);
    if (this.#current.size + this.#pending.size > maxTopicsPerConnection) {
      this.#fail(topic, pending, 'limit', `at most ${maxTopicsPerConnection} topics for each connection`);
      operations.end();
      return;
    }
    this.#authorize(topic, (verdict) => {
      if (pending.isCancelled) operations.end();
      else if (verdict === undefined) {
        this.#fail(topic, pending, 'forbidden', 'this topic is not allowed');
        operations.end();
      } else if (pending.presence && !operations.host.node.hasPresence(topic)) {
        this.#fail(topic, pending, 'no-presence', 'this topic has no presence');
        operations.end();
      } else this.#resume(topic, pending, verdict);
    });
  }

  #resume(topic: string, pending: Pending, verdict: NonNullable<SubscribeVerdict>): void {
    const operations = this.#operations;
    const { host } = operations;
    if (!host.node.hasHistory(topic)) {
      this.#join(topic, pending, verdict, undefined);
      operations.end();
      return;
    }
    let isOver = false;
    const cancel = host.node.resume(topic, pending.since, {
      runOf: resumedRunOf,
      resumed: (result, sent) => {
        isOver = true;
        if (!pending.isCancelled) this.#join(topic, pending, verdict, result);
        operations.driver.link.afterWriting(sent);
        operations.end();
      },
      failed: (code, retryAfterMs) => {
        isOver = true;
        if (!pending.isCancelled) {
          const message = code === 'busy' ? 'too many clients subscribe now' : 'the engine cannot be reached';
          this.#fail(topic, pending, code, message, retryAfterMs);
        }
        operations.end();
      },
    });
    pending.cancel = () => {
      if (isOver) return;
      isOver = true;
      cancel();
      operations.end();
    };
  }

  #join(
    topic: string,
    pending: Pending,
    { presence }: NonNullable<SubscribeVerdict>,
    result: Resumed | undefined,
  ): void {
    const { driver, host } = this.#operations;
    const { groups } = host;
    const wasSubscribed = groups.isSubscribed(driver, topic);
    const subscription = this.#newSubscription(topic);
    if (!groups.join(driver, topic, subscription, result?.missed.at(-1)?.position ?? result?.position)) {
      this.#fail(topic, pending, 'limit', 'too many topics');
      return;
    }
    if (presence !== undefined && !groups.enter(driver, topic, presence)) {
      groups.leaveTopic(driver, topic);
      this.#fail(topic, pending, 'limit', 'a member of too many topics');
      return;
    }
    subscription.isMember = presence !== undefined;
    this.#pending.delete(topic);
    this.#current.set(topic, subscription);
    this.#confirm(topic, pending, subscription, result);
    if (pending.presence) this.#watch(subscription);
    if (!wasSubscribed) groups.joined(driver, topic);
  }

  #confirm(
    topic: string,
    { operation, others, since }: Pending,
    subscription: Subscription<UserData>,
    result: Resumed | undefined,
  ): void {
    const operations = this.#operations;
    if (result === undefined) {
      // A client that asked to resume has to load its state again.
      const recovered = since === undefined ? undefined : false;
      operations.answer(operation, { op: 'ok', id: operation.id, topic, recovered });
    } else {
      const { recovered, position, run } = result;
      if (run instanceof ResumedRun)
        operations.answerResume(operation, run.okFor(operation.id, topic, result), run);
      else
        operations.answer(operation, {
          op: 'ok',
          id: operation.id,
          topic,
          recovered,
          ...positionFields(position),
          missed: 0,
        });
    }
    for (const other of others) {
      operations.answer(other, { op: 'ok', id: other.id, topic, ...subscription.position });
      operations.end();
    }
  }

  /** Fails a subscription, and those that wait for it. The caller ends its operation. */
  #fail(
    topic: string,
    { operation, others }: Pending,
    code: 'limit' | 'forbidden' | 'no-presence' | 'not-subscribed' | 'busy' | 'unavailable',
    message: string,
    retryAfterMs?: number,
  ): void {
    this.#pending.delete(topic);
    this.#operations.fail(operation, code, message, { retryAfterMs });
    for (const other of others) {
      this.#operations.fail(other, code, message, { retryAfterMs });
      this.#operations.end();
    }
  }

  #cancel(topic: string, pending: Pending): void {
    this.#pending.delete(topic);
    pending.isCancelled = true;
    pending.cancel();
  }

  #authorize(topic: string, done: (verdict: SubscribeVerdict) => void): void {
    const operations = this.#operations;
    const { authorizeSubscribe } = operations.host.options;
    if (authorizeSubscribe === undefined) {
      done(undefined);
      return;
    }
    operations.deciding.ask(
      () => authorizeSubscribe(operations.driver.connection, topic),
      (result, failure) => {
        let verdict: SubscribeVerdict;
        try {
          if (failure !== undefined) throw failure.error;
          verdict = subscribeVerdict(result);
          if (verdict?.presence !== undefined && !operations.host.node.hasPresence(topic))
            throw new MisuseError(
              'ERR_ARGUMENT',
              `authorizeSubscribe returned presence for topic ${JSON.stringify(topic)}, which no rule of the option presence matches`,
            );
        } catch (error) {
          verdict = undefined;
          if (!operations.isOver) operations.failed(error, 'authorizeSubscribe');
        }
        operations.attempt(() => done(verdict));
      },
    );
  }

  #newSubscription(topic: string): Subscription<UserData> {
    return new Subscription(this.#operations, topic, (subscription) => {
      this.#forget(subscription);
      this.#operations.send({ op: 'unsubscribed', topic, code: 'revoked' });
    });
  }

  /** @returns `false` if the topic has no presence. */
  #watch(subscription: Subscription<UserData>): boolean {
    const { host } = this.#operations;
    if (!host.node.hasPresence(subscription.topic)) return false;
    if (!subscription.isWatching) host.groups.presence.watch(subscription.topic, this);
    subscription.isWatching = true;
    return true;
  }

  #forget(subscription: Subscription<UserData>): void {
    const { topic, isMember, isWatching } = subscription;
    const { driver, host } = this.#operations;
    if (this.#current.get(topic) === subscription) this.#current.delete(topic);
    if (isMember) host.groups.presence.leave(driver, topic);
    subscription.isWatching = false;
    if (isWatching) host.groups.presence.unwatch(topic, this);
  }

  #refusePresence(operation: Operation): void {
    this.#operations.fail(operation, 'no-presence', 'this topic has no presence');
  }
}
