import { MisuseError } from '../protocol/errors.ts';

const readOnly = (method: string): MisuseError =>
  new MisuseError(
    'ERR_STATE',
    `connection.topics.${method}() changes nothing: call connection.subscribe(topic) or connection.unsubscribe(topic)`,
  );

/**
 * The topics of one connection. Applications may read this object, so its methods that change a set throw. The library
 * changes it with the functions below, which no property that an application assigns can replace.
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

/** The shared empty set of connections without topics. */
export const NO_TOPICS: TopicSet = /* @__PURE__ */ Object.freeze(new TopicSet());

export function addTopic(topics: TopicSet, topic: string): void {
  Set.prototype.add.call(topics, topic);
}

/** Deletes a topic. @returns Whether it was in the set. */
export function deleteTopic(topics: TopicSet, topic: string): boolean {
  return Set.prototype.delete.call(topics, topic);
}

export function hasTopic(topics: TopicSet, topic: string): boolean {
  return Set.prototype.has.call(topics, topic);
}

/** Returns the topics in order of subscription. Topics may be added and deleted during iteration. */
export function topicsIn(topics: TopicSet): IterableIterator<string> {
  return Set.prototype.values.call(topics) as IterableIterator<string>;
}
