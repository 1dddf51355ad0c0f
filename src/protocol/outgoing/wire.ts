import type { PackingTable } from './packing-table.ts';

/** The connection below, as an outbox sees it. */
export interface Wire {
  /** True while it has more bytes than it accepts at once. */
  readonly blocked: boolean;
  /** Bytes that it accepted and has not sent. */
  readonly bufferedBytes: number;
  /**
   * True if it may read chunks long after it got them, when the application may have detached them: payloads of the
   * application are then copied first.
   */
  readonly needsCopies: boolean;
}

/** A wire that may take frames without a copy. */
export interface BorrowingWire extends Wire {
  /**
   * True if the next write may get frames where they are in `table`: it sends or copies them before it returns, or locks them.
   * Default: it gets copies.
   */
  borrows?(table: PackingTable): boolean;
}

/** A wire that accepts everything at once. */
export const OPEN_WIRE: Wire = /* @__PURE__ */ Object.freeze({
  blocked: false,
  bufferedBytes: 0,
  needsCopies: false,
});
