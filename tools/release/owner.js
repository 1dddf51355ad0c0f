// What the owner of the project fills in, once: the field `repository` of package.json, and `homepage` if there is a site. Everything
// else follows from it: the field `bugs`, the fields of the second package, and the links of README.md on the registry's page.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** @typedef {{ readonly repository?: string | { readonly url?: string }, readonly homepage?: string }} Manifest */

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
 * A page with its relative links made absolute, in Markdown and in HTML. Links inside of code stay.
 * @param {string} markdown
 * @param {string} page Address of the repository's page.
 * @param {string} tag Tag of the commit that the links lead to.
 */
export function absoluteLinks(markdown, page, tag) {
  return markdown.replaceAll(
    /^```[^]*?^```|(`+)[^]*?\1|(!\[[^\]]*\]\(|\b(?:src|srcset)="|\]\(|\bhref=")((?![a-z]+:|#)[^)"\s]+)(?=[)"])/gm,
    (whole, _, open, path) => {
      if (open === undefined) return whole;
      // A link leads to the page of a file; a picture needs the file itself.
      const kind = /^[!s]/.test(open) ? 'raw' : 'blob';
      return `${open}${page}/${kind}/${tag}/${path.replace(/^\.\//, '')}`;
    },
  );
}

export const manifestOf = () => JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
