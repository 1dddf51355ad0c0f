import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '..', '..', 'examples', 'tutorial');

/**
 * A page of the tutorial, with the files of its step in the blocks that show whole files: ```js server.js.
 * @param page The page as it is.
 * @param step The name of the step: `1-echo`.
 */
export const tutorialPage = (page: string, step: string): string =>
  page.replaceAll(/^(```(?:js|html) (\S+)\n)[^]*?^```$/gm, (block: string, opening: string, name: string) => {
    const file = join(FOLDER, step, name);
    return existsSync(file) ? `${opening}${readFileSync(file, 'utf8')}\`\`\`` : block;
  });
