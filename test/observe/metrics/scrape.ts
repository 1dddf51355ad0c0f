import type { WebSocketServer } from '../../../src/index.ts';

/** The samples of a metrics text by name and labels, such as `hawser_connections{state="open"}`. */
export function samplesIn(text: string): ReadonlyMap<string, number> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const end = line.lastIndexOf(' ');
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
  );
}

export const scrape = (server: WebSocketServer): ReadonlyMap<string, number> => samplesIn(server.metrics());

/** The sum of a metric over all its labels, or over those that contain `part`. */
export function sumOf(samples: ReadonlyMap<string, number>, name: string, part = ''): number {
  let sum = 0;
  for (const [key, value] of samples) {
    const [own, labels = ''] = key.split('{', 2);
    if (own === `hawser_${name}` && labels.includes(part)) sum += value;
  }
  return sum;
}
