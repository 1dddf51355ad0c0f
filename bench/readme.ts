const BEGIN = '<!-- results: written by npm run bench -->';
const END = '<!-- end of results -->';

/**
 * Replaces the results in the page.
 * @param source The file of the results, as the page names it.
 * @throws Error if the page has no markers for the results.
 */
export function readmeWith(page: string, results: string, source: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`bench/README.md has no ${BEGIN} … ${END}`);
  const head = page.slice(0, begin + BEGIN.length);
  return `${head}\n\nMade from [${source}](${source}).\n\n${results}\n\n${page.slice(end)}`;
}

/** The file of the results in the page; `undefined` if it has none. */
export const sourceIn = (page: string): string | undefined => /^Made from \[(\S+)\]/m.exec(page)?.[1];
