/**
 * Counts messages by kind and size and measures handlers. A server without a meter makes one comparison per message. Sizes are
 * payload bytes before compression.
 */
export interface MessageMeter {
  /** A whole message has arrived. */
  received(bytes: number, isText: boolean): void;
  /** A message for one connection was accepted into its outbox. */
  sent(bytes: number, isText: boolean): void;
  /** The time for {@link broadcast} and {@link handled}, in ms. */
  now(): number;
  /**
   * A broadcast or publish was given to its recipients.
   * @param recipients The connections that accepted it, 0 or more.
   * @param startedMs Result of {@link now} before the first recipient.
   */
  broadcast(bytes: number, isText: boolean, recipients: number, startedMs: number): void;
  /** Whether the handling of the message that listeners are about to get is measured. Ask once for each message. */
  isNext(): boolean;
  /**
   * The listeners have returned, and the promises that they returned have settled. Call it only for a measured message.
   * @param startedMs Result of {@link now} before the first listener.
   */
  handled(startedMs: number): void;
}
