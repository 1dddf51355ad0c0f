// What the owner of the project fills in, once: the field `repository` of package.json, and `homepage` if there is a site. Everything
// else follows from it: the field `bugs`, the fields of the second package, and the links of README.md on the registry's page.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const ROOT = join(import.meta.dirname, '..', '..');

/** @typedef {{ readonly repository?: string | { readonly url?: string }, readonly homepage?: string }} Manifest */

const HOW = `set it once: npm pkg set repository.type=git repository.url=git+https://github.com/OWNER/hawser.git`;

/**
 * The fields that belong to the owner.
 * @param {Manifest} manifest package.json.
 * @returns {{ readonly page: string, readonly fields: Readonly<Record<string, unknown>> } | undefined} The address of the repository's
 *   page, and the fields of the published package; `undefined` if the owner has not filled in `repository`.
 * @throws Error for an address that is not `https:`, because a page of the registry links to it.
 */
export function ownerOf({ repository, homepage }) {
  const given = typeof repository === 'string' ? repository : repository?.url;
  if (given === undefined || given === '') return undefined;
  const page = given
    .replace(/^git\+/, '')
    .replace(/\.git$/, '')
    .replace(/\/$/, '');
  if (!/^https:\/\/[^/]+\/[^/]+\/.+$/.test(page))
    throw new Error(`package.json: repository is '${given}'; it must be git+https://host/owner/name.git`);
  const fields = {
    homepage: homepage ?? `${page}#readme`,
    bugs: { url: `${page}/issues` },
    repository: { type: 'git', url: `git+${page}.git` },
  };
  return { page, fields };
}

/**
 * A page with its relative links made absolute. Links inside of code stay.
 * @param {string} markdown
 * @param {string} base Address of the folder of the page, such as `https://host/owner/name/blob/v1.0.0`.
 */
export function absoluteLinks(markdown, base) {
  return markdown.replaceAll(
    /^```[^]*?^```|(`+)[^]*?\1|(\]\()((?![a-z]+:|#)[^)\s]+)(?=\))/gm,
    (whole, _, open, path) => (open === undefined ? whole : `${open}${base}/${path.replace(/^\.\//, '')}`),
  );
}

export const manifestOf = () => JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

// `node tools/release/owner.js` fails before a release that nobody could find the sources of.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const owner = ownerOf(manifestOf());
  if (owner === undefined) {
    process.stderr.write(`package.json has no field repository; ${HOW}\n`);
    process.exitCode = 1;
  } else process.stdout.write(`${owner.page}\n`);
}
