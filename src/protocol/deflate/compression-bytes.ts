/**
 * Payload bytes of compressed messages, before and after. Connections share one object. Messages that are not compressed are not
 * counted.
 */
export class CompressionBytes {
  receivedCompressed = 0;
  receivedRaw = 0;
  sentRaw = 0;
  sentCompressed = 0;
}
