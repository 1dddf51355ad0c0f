// Reads the built pages. VitePress itself checks only links to pages, neither anchors nor other files.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Links of built pages whose file or anchor is missing, as `page: link`. */
export function deadLinks(folder, base) {
  const pages = new Map();
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!name.endsWith('.html')) continue;
    const html = readFileSync(join(folder, name), 'utf8');
    const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    pages.set(name.replaceAll('\\', '/'), { html, ids });
  }
  const dead = [];
  for (const [name, { html }] of pages) {
    for (const [, link] of html.matchAll(/ (?:href|src)="([^"]+)"/g)) {
      if (/^(?:[a-z]+:|\/\/)/.test(link)) continue;
      const [path, anchor] = link.split('#');
      const target = path.startsWith(base) ? path.slice(base.length) : posix.join(posix.dirname(name), path);
      const file = path === '' ? name : /(?:^|\/)$/.test(target) ? `${target}index.html` : target;
      const found = pages.get(file)?.ids;
      const ok = anchor === undefined || found === undefined || found.has(decodeURIComponent(anchor));
      if (!existsSync(join(folder, file)) || !ok) dead.push(`${name}: ${link}`);
    }
  }
  return dead;
}
