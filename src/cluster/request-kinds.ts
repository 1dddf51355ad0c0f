import { topicFault } from '../options/topic-name.ts';
import type { NodeAnswers, NodeQuestion } from '../server/groups/cluster-calls.ts';
import type { LocalServer } from '../server/groups/topic-node.ts';
import { readStats } from './node-record.ts';

/** What a question is about, who answers it, and how the answer is read. */
export interface QuestionKind<Value> {
  /** Whether the subject of a question is valid. */
  fits(subject: string): boolean;
  answer(server: LocalServer, subject: string): Value;
  /** @returns `undefined` for a value that is no answer. */
  read(node: string, value: unknown): Value | undefined;
  /** Whether no further answer matters. */
  isLast?(value: Value): boolean;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Every question that nodes ask each other. */
export const QUESTIONS: { readonly [Question in NodeQuestion]: QuestionKind<NodeAnswers[Question]> } =
  Object.freeze({
    'subscriber-count': {
      fits: (topic: string) => topicFault(topic) === undefined,
      answer: (server: LocalServer, topic: string) => server.subscriberCount(topic),
      read: (_node: string, value: unknown) => (isCount(value) ? value : undefined),
    },
    disconnect: {
      fits: (connectionId: string) => connectionId !== '',
      answer: (server: LocalServer, connectionId: string) => server.disconnect(connectionId),
      read: (_node: string, value: unknown) => (typeof value === 'boolean' ? value : undefined),
      isLast: (isDone: boolean) => isDone,
    },
    stats: {
      fits: (subject: string) => subject === '',
      answer: (server: LocalServer) => server.stats(),
      read: readStats,
    },
  });

/** The kind with this name; `undefined` for a question that this version does not know. */
export const questionKind = (name: string): QuestionKind<unknown> | undefined =>
  Object.hasOwn(QUESTIONS, name) ? QUESTIONS[name as NodeQuestion] : undefined;
