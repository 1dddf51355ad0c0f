import { MisuseError } from '../protocol/errors.ts';

const readOnly = (method: string): MisuseError =>
  new MisuseError(
    'ERR_STATE',
    `connection.topics.${method}() changes nothing: call connection.subscribe(topic) or connection.unsubscribe(topic)`,
  );

/**
 * The topics of one connection. An application gets this object to look at, so its methods that change a set throw; the
 * library changes it with the functions below, which no property of the application's can replace.
 */
export class TopicSet extends Set<string> {
  override add(_topic: string): never {
    throw readOnly('add');
  }

  override delete(_topic: string): never {
    throw readOnly('delete');
  }

  override clear(): never {
    throw readOnly('clear');
  }
}

/** What connections without topics show. */
export const NO_TOPICS: TopicSet = /* @__PURE__ */ Object.freeze(new TopicSet());

export function addTopic(topics: TopicSet, topic: string): void {
  Set.prototype.add.call(topics, topic);
}

/** @returns Whether it was there. */
export function deleteTopic(topics: TopicSet, topic: string): boolean {
  return Set.prototype.delete.call(topics, topic);
}

export function hasTopic(topics: TopicSet, topic: string): boolean {
  return Set.prototype.has.call(topics, topic);
}

/** The topics, in the order of subscribing. Safe while topics are added and deleted. */
export function topicsIn(topics: TopicSet): IterableIterator<string> {
  return Set.prototype.values.call(topics) as IterableIterator<string>;
}
