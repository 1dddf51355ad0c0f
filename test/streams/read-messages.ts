import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { MessageStream } from '../../src/index.ts';

/** All bytes of a message. */
export const readAll = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** The next message of a loop, which must not end. */
export const nextOf = async (loop: AsyncIterableIterator<MessageStream>): Promise<MessageStream> => {
  const { done, value } = await loop.next();
  assert.ok(done !== true);
  return value;
};

/** The error with which a message ends. */
export const errorOf = async (stream: AsyncIterable<Buffer>): Promise<Error & { code?: string }> => {
  try {
    await readAll(stream);
  } catch (error) {
    return error as Error;
  }
  return assert.fail('the message ended as if it were complete');
};
