/** About 110 bytes each, 27 MB in all. */
const LIVE_OBJECTS = 250_000;

/**
 * The live heap of an application. V8 decides by the size of the live heap when to collect garbage. Without these objects,
 * one megabyte more or less in a server decides a cell of large messages. Exported, because an unused local would be collected.
 */
export const application: readonly object[] = Array.from({ length: LIVE_OBJECTS }, (_, i) => ({
  id: i,
  name: `user ${i}`,
  score: i / 7,
  isOnline: i % 3 === 0,
}));
