import { Buffer } from 'node:buffer';
import { JoinedRun } from './outgoing/joined-run.ts';
import { PackingTable } from './outgoing/packing-table.ts';
import { RepeatedPayload } from './outgoing/repeated-payload.ts';
import { MessagePages } from './message-pages.ts';
import { OutgrownMemory } from './outgrown-memory.ts';
import { ReusableBytes } from './reusable-bytes.ts';
import { SpareReaders } from './spare-readers.ts';
import { TextSlab } from './text-slab.ts';

/** Longest text, in UTF-16 units, that is encoded into existing memory. */
const SCRATCH_TEXT_UNITS = 32_768;

/**
 * Memory that the connections of one driver share, 64 KiB and more once they send: create one for all of them.
 * Connections that share it can send on a text that one of them received without encoding it again.
 */
export class ProtocolMemory {
  /** Small frames of the connection that is being served. */
  readonly packingTable: PackingTable;
  readonly joinedRun: JoinedRun = new JoinedRun();
  /** The payload that was sent last. */
  readonly repeated: RepeatedPayload = new RepeatedPayload();
  /** The message that is being delivered. */
  readonly reusableBytes: ReusableBytes = new ReusableBytes();
  /** Received texts that are delivered as bytes. */
  readonly texts: TextSlab;
  /** Memory of messages that are still growing. */
  readonly outgrown: OutgrownMemory = new OutgrownMemory();
  /** Received binary messages. */
  readonly pages: MessagePages;
  /** Readers that no connection uses now. */
  readonly readers: SpareReaders = new SpareReaders();
  #scratch: Buffer | undefined;

  /** Default: a separate table and separate slabs, in ordinary memory. */
  constructor(
    packingTable: PackingTable = new PackingTable(),
    texts: TextSlab = new TextSlab(),
    pages: MessagePages = new MessagePages(),
  ) {
    this.packingTable = packingTable;
    this.texts = texts;
    this.pages = pages;
  }

  /** @returns The UTF-8 of `text`; valid until the next call, unless the text is long. */
  encoded(text: string): Buffer {
    if (text.length > SCRATCH_TEXT_UNITS) return Buffer.from(text, 'utf8');
    this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH_TEXT_UNITS * 3);
    return this.#scratch.subarray(0, this.#scratch.write(text, 0, 'utf8'));
  }
}
