// TypeDoc's configuration: the API pages of the site, as Markdown in docs/api, one per entry point. A name without a doc comment, a
// link without a target and any other warning is an error.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TASKS } from './tasks.js';

const ROOT = join(import.meta.dirname, '..', '..');
const { files } = JSON.parse(readFileSync(join(ROOT, 'tools', 'commonjs-types.json'), 'utf8'));

export default {
  entryPoints: files.map((/** @type {string} */ file) => join(ROOT, 'tools', file)),
  tsconfig: join(ROOT, 'tsconfig.json'),
  plugin: ['typedoc-plugin-markdown', join(import.meta.dirname, 'plugin.js')],
  out: join(ROOT, 'docs', 'api'),
  name: 'hawser',
  readme: 'none',
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  disableSources: true,
  disableGit: true,
  sort: ['alphabetical'],
  categorizeByGroup: false,
  categoryOrder: TASKS,
  treatWarningsAsErrors: true,
  // A comment that comes with a type of Node has these links.
  externalSymbolLinkMappings: {
    '@types/node': {
      '"net".Socket': 'https://nodejs.org/api/net.html#class-netsocket',
      '"net".connect': 'https://nodejs.org/api/net.html#netconnect',
    },
  },
  validation: {
    notDocumented: true,
    invalidLink: true,
    invalidPath: true,
    // Types of parts that users cannot name are shown without a link.
    notExported: false,
    rewrittenLink: false,
  },
  requiredToBeDocumented: [
    'Class',
    'Interface',
    'TypeAlias',
    'Function',
    'Variable',
    'Method',
    'GetSignature',
  ],
  // The Markdown of the pages.
  outputFileStrategy: 'modules',
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  // The anchors of links stand in the text, because the site numbers equal headings in another way.
  useHTMLAnchors: true,
  useCodeBlocks: true,
  formatWithPrettier: false,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  propertyMembersFormat: 'table',
};
