import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig } from 'vitepress';
import { deadLinks } from '../dead-links.js';
import { anchorOf, linkPlugin, pageOf, repositoryUrl } from '../links.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const DOCS = join(ROOT, 'docs');
const read = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));

const project = read(ROOT, 'package.json');
const repository = repositoryUrl(project);
const groups = read(import.meta.dirname, '..', 'sidebar.json');
const files = readdirSync(DOCS, { recursive: true });

/** The index page shows this above the list of guides. */
const HOME = {
  layout: 'home',
  hero: {
    name: 'Hawser',
    text: 'WebSocket for Node',
    tagline: 'Server, client and tools. Correct to the byte, safe by default, fast without native code.',
    actions: [
      { theme: 'brand', text: 'Get started', link: '/getting-started' },
      { theme: 'alt', text: 'Build a chat in seven steps', link: '/tutorial/' },
      { theme: 'alt', text: 'Why Hawser, and when not', link: '/why' },
    ],
  },
  features: [
    {
      title: 'Nothing is lost in silence',
      details:
        'A client that reconnects gets every message that it missed, once and in order, or is told that it cannot.',
      link: '/topics',
    },
    {
      title: 'Safe by default',
      details: 'Every limit is finite, in bytes, in number and in time. Pages of other origins are refused.',
      link: '/limits',
    },
    {
      title: 'Correct, with proof',
      details: 'Every rule of RFC 6455 and RFC 7692, with its code and its tests.',
      link: '/requirements',
    },
    {
      title: 'Several servers',
      details: 'Workers, Redis or NATS join servers. A deploy loses no message.',
      link: '/deploying',
    },
    {
      title: 'Visible',
      details: 'Prometheus, OpenTelemetry, a live page, and captures that Wireshark opens.',
      link: '/debugging',
    },
    {
      title: 'A way in from ws',
      details: 'One changed line moves a program or a dependency tree, and moves it back.',
      link: '/ws',
    },
  ],
};

/**
 * The playground that `hawser serve` has, as a page that asks for the URL of a server. A static site sends no policy, so the page
 * carries it: nothing but its own script and style, and sockets to any server.
 */
function writePlayground(outDir) {
  const source = join(ROOT, 'build', 'package', 'playground.html');
  if (!existsSync(source))
    throw new Error('build/package/playground.html is missing: npm run build makes it');
  const html = readFileSync(source, 'utf8').replace('%SOCKET_PATH%', '/').replace('%MODE%', 'site');
  const hashOf = (pattern) =>
    `'sha256-${createHash('sha256').update(pattern.exec(html)[1]).digest('base64')}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(/<script type="module">(.*?)<\/script>/s)}`,
    `style-src ${hashOf(/<style>(.*?)<\/style>/s)}`,
    'connect-src ws: wss:',
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  mkdirSync(join(outDir, 'try'), { recursive: true });
  writeFileSync(
    join(outDir, 'try', 'index.html'),
    html.replace('<title>', `<meta http-equiv="Content-Security-Policy" content="${policy}">\n<title>`),
  );
}

export default defineConfig({
  title: 'Hawser',
  description: project.description,
  srcDir: DOCS,
  outDir: join(ROOT, 'build', 'site'),
  cacheDir: join(ROOT, 'build', 'site-cache'),
  rewrites: (path) => pageOf(path),
  // The same files work on every static server, also on one that adds no `.html`.
  cleanUrls: false,
  markdown: {
    languageAlias: { haproxy: 'nginx' },
    anchor: { slugify: anchorOf },
    config: (md) => md.use(linkPlugin(repository)),
  },
  transformPageData: ({ relativePath, frontmatter }) =>
    relativePath === 'index.md'
      ? { frontmatter: { ...frontmatter, ...HOME } }
      : relativePath === 'playground.md'
        ? { frontmatter: { ...frontmatter, aside: false } } // the page needs the width
        : undefined,
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/getting-started' },
      { text: 'Tutorial', link: '/tutorial/' },
      { text: 'Playground', link: '/playground' },
      { text: 'Options', link: '/options' },
      { text: 'API', link: '/api' },
      { text: 'Why', link: '/why' },
    ],
    sidebar: groups.map(({ group, collapsed = false, pages }) => ({
      text: group,
      collapsed,
      items: Object.entries(pages).map(([page, text]) => ({
        text,
        link: `/${pageOf(page).replace(/(?:index)?\.md$/, '')}`,
      })),
    })),
    outline: [2, 3],
    search: { provider: 'local' },
    ...(repository === undefined ? {} : { socialLinks: [{ icon: 'github', link: repository }] }),
  },
  vite: { build: { chunkSizeWarningLimit: 4_000 } },
  /** Copies the files that pages link to (schema, vectors, alerts, dashboard, results, playground), then checks every link. */
  buildEnd({ outDir, site: { base } }) {
    for (const file of files.filter((name) => /\.(?:json|yml|svg|webp)$/.test(name))) {
      mkdirSync(dirname(join(outDir, file)), { recursive: true });
      copyFileSync(join(DOCS, file), join(outDir, file));
    }
    writePlayground(outDir);
    const dead = deadLinks(outDir, base);
    if (dead.length > 0) throw new Error(`Links without a target:\n${dead.join('\n')}`);
  },
});
