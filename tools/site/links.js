// Links of pages, as the site needs them. On disk, a link is a path to a file of the repository.
import { posix } from 'node:path';

/** Where a README of docs/ is on the site. */
export const pageOf = (path) => path.replace(/(^|\/)README\.md$/, '$1index.md');

/** Anchors as GitHub makes them: the links in pages use these. */
export const anchorOf = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-');

/** `https://host/owner/name`, from the field `repository` of package.json; undefined if it is missing. */
export function repositoryUrl({ repository }) {
  const url = typeof repository === 'string' ? repository : repository?.url;
  return url?.replace(/^git\+/, '').replace(/\.git$/, '');
}

/**
 * Returns a plugin for markdown-it that rewrites links. Links to a README lead to the index page of its folder. A link to a file
 * outside docs/ leads to the repository; without a known repository, the path becomes text.
 */
export const linkPlugin = (repository) => (md) => {
  md.core.ruler.push('hawser-links', ({ tokens, env }) => {
    // The path on disk decides, not the path on the site.
    const folder = posix.dirname(posix.join('docs', env.relativePath));
    for (const { children } of tokens) if (children !== null) rewrite(children, folder, repository);
  });
  // `{{` is text in every page, never a template of Vue. VitePress itself takes care of code blocks only.
  for (const kind of ['text', 'code_inline']) {
    const render = md.renderer.rules[kind];
    md.renderer.rules[kind] = (...args) => render(...args).replaceAll('{{', '&#123;&#123;');
  }
};

function rewrite(children, folder, repository) {
  for (let at = 0; at < children.length; at++) {
    const href = children[at].type === 'link_open' ? children[at].attrGet('href') : null;
    if (href === null || /^(?:[a-z]+:|#)/.test(href)) continue;
    const [path, anchor] = href.split('#');
    const file = posix.join(folder, path);
    if (file.startsWith('docs/')) {
      // A folder has its README as index.
      const page = pageOf(/\.\w+$/.test(path) ? path : posix.join(path, 'README.md'));
      children[at].attrSet('href', anchor === undefined ? page : `${page}#${anchor}`);
    } else if (repository !== undefined) {
      children[at].attrSet(
        'href',
        `${repository}/blob/HEAD/${file}${anchor === undefined ? '' : `#${anchor}`}`,
      );
    } else asText(children, at, file);
  }
}

/** Replaces the link that begins at `at` by its text and the path; by the path alone if the text is a part of it. */
function asText(children, at, file) {
  const end = children.findIndex(({ type }, index) => index > at && type === 'link_close');
  const inside = children.slice(at + 1, end);
  const words = inside.map(({ content }) => content).join('');
  const path = Object.assign(new children[at].constructor('code_inline', 'code', 0), { content: file });
  const token = (content) => Object.assign(new children[at].constructor('text', '', 0), { content });
  const shown = file.includes(words) ? [path] : [...inside, token(' ('), path, token(')')];
  children.splice(at, end - at + 1, ...shown);
}
