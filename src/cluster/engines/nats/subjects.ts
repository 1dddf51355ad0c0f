import { Buffer } from 'node:buffer';
import type { Channel } from '../../engine.ts';

/** An empty topic. No base64 text has one character. */
const EMPTY = '_';

const tokenOf = (name: string): string =>
  name === '' ? EMPTY : Buffer.from(name, 'utf8').toString('base64url');

/** The subjects under one prefix. */
export class Subjects {
  readonly #prefix: string;
  /** Control messages to all nodes. */
  readonly control: string;
  /** A node that joins asks here; one of the nodes answers. */
  readonly roll: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.control = `${prefix}.ctl`;
    this.roll = `${prefix}.roll`;
  }

  /** One subject for the messages of a topic, and one for the changes of its members. */
  channel({ kind, topic }: Channel): string {
    return `${this.#prefix}.${kind === 'messages' ? 'c' : 'j'}.${tokenOf(topic)}`;
  }

  /** Control messages to one node. */
  node(node: string): string {
    return `${this.#prefix}.n.${node}`;
  }
}
