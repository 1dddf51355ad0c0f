/** Results of `ProtocolConnection.next`. Numbers instead of objects, because `next` returns one per message. */
export const FACT = /* @__PURE__ */ Object.freeze({
  /** More input is needed. */
  NONE: 0,
  /** A whole message: take it with `takeText` or `takeBytes` before any other call. */
  MESSAGE: 1,
  /** A ping, already answered unless `autoPong` is `false`; its payload is in `payload` until the next call. */
  PING: 2,
  /** A pong; its payload is in `payload` until the next call. */
  PONG: 3,
  /** The peer's Close, in `peerClose`; already answered. Nothing further is read. */
  CLOSE: 4,
  /** The peer broke a rule, see `failure`. A Close is queued, and nothing further is read. */
  FAILURE: 5,
  /** Part of a message, after `passParts`: take it with `takePart` before any other call. More parts follow. */
  PART: 6,
  /** As `PART`; the message ends with it. It may be empty. */
  LAST_PART: 7,
} as const);
/** One of {@link FACT}. */
export type Fact = (typeof FACT)[keyof typeof FACT];
