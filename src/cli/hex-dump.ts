const BYTES_A_LINE = 16;

/** Lines of a dump: position, 16 bytes in hex, and the same bytes as ASCII with a dot for all others. */
export function* hexDump(bytes: Buffer): IterableIterator<string> {
  for (let at = 0; at < bytes.length; at += BYTES_A_LINE) {
    const line = bytes.subarray(at, at + BYTES_A_LINE);
    const hex = [...line].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = line.toString('latin1').replaceAll(/[^ -~]/g, '.');
    yield `${at.toString(16).padStart(4, '0')}  ${hex.padEnd(BYTES_A_LINE * 3)} ${ascii}`;
  }
}
