import { Buffer } from 'node:buffer';
import { MisuseError } from '../protocol/errors.ts';

/** Longest topic name, in bytes of UTF-8. */
const MAX_TOPIC_BYTES = 256;
/** Control characters and lone surrogates, which UTF-8 cannot encode. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;

/** @throws MisuseError `ERR_ARGUMENT` unless `topic` is 1 to 256 bytes of UTF-8 without control characters. */
export function checkTopic(topic: unknown): asserts topic is string {
  const fault = topicFault(topic);
  if (fault !== undefined) throw new MisuseError('ERR_ARGUMENT', `a topic ${fault}`);
}

/** What is wrong with a topic name; `undefined` if nothing is. Ends the sentence "a topic …". */
export function topicFault(topic: unknown): string | undefined {
  if (typeof topic !== 'string') return `must be a string, not ${topic === null ? 'null' : typeof topic}`;
  if (topic === '') return 'must not be empty';
  // A UTF-16 unit takes at most 3 bytes of UTF-8, so short names need no count.
  if (topic.length * 3 > MAX_TOPIC_BYTES) {
    if (topic.length > MAX_TOPIC_BYTES)
      return `must be at most ${MAX_TOPIC_BYTES} bytes, not ${topic.length} or more`;
    const bytes = Buffer.byteLength(topic);
    if (bytes > MAX_TOPIC_BYTES) return `must be at most ${MAX_TOPIC_BYTES} bytes, not ${bytes}`;
  }
  return UNFIT.test(topic) ? 'must not contain control characters or lone surrogates' : undefined;
}
