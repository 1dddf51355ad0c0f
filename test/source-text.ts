/** An import or re-export, with what makes it matter at run time. */
export interface ImportedName {
  readonly specifier: string;
  /** Gone after compilation: nothing of it but types is used. */
  readonly typeOnly: boolean;
}

/** Where a regular expression can begin: a `/` after anything else divides. */
const BEFORE_REGEX =
  /(?:^|[=([{},;:!&|?+\-*%<>~^\n]|\b(?:return|typeof|case|in|of|do|else|void|yield|await))\s*$/;

/**
 * TypeScript source without what is not code: comments are gone, and each string, template text and regular expression
 * is replaced by `"n"`, a number into `literals`. A name found in `code` is a name the program uses.
 */
export function stripSource(source: string): { readonly code: string; readonly literals: readonly string[] } {
  const literals: string[] = [];
  let code = '';
  /** Depth of braces inside each template expression that is open. */
  const templates: number[] = [];
  const literal = (content: string): void => {
    code += `"${literals.push(content) - 1}"`;
  };
  let at = 0;
  const takeTemplateText = (): void => {
    const text = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y;
    text.lastIndex = at;
    const content = text.exec(source)?.[0] ?? '';
    literal(content);
    at += content.length;
    if (source[at] === '$') {
      at += 2;
      code += '(';
      templates.push(0);
    } else at++;
  };
  const tokens = [
    { pattern: /\/\/[^\n]*|\/\*[^]*?\*\//y, take: () => void (code += ' ') },
    {
      pattern: /'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"/y,
      take: (token: string) => literal(token.slice(1, -1)),
    },
    { pattern: /[\w$#]+|\s+/y, take: (token: string) => void (code += token) },
  ];
  const regex = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;

  next: while (at < source.length) {
    for (const { pattern, take } of tokens) {
      pattern.lastIndex = at;
      const token = pattern.exec(source)?.[0];
      if (token === undefined) continue;
      at += token.length;
      take(token);
      continue next;
    }
    regex.lastIndex = at;
    const expression =
      source[at] === '/' && BEFORE_REGEX.test(code.slice(-40)) ? regex.exec(source)?.[0] : undefined;
    if (expression !== undefined) {
      at += expression.length;
      literal(expression);
      continue;
    }
    const character = source[at++]!;
    if (character === '`') {
      takeTemplateText();
      continue;
    }
    if (character === '{' && templates.length > 0) templates[templates.length - 1]!++;
    if (character === '}' && templates.length > 0 && templates[templates.length - 1]!-- === 0) {
      templates.pop();
      code += ')';
      takeTemplateText();
      continue;
    }
    code += character;
  }
  return { code, literals };
}

/** Everything a source imports, in all the forms the language has; what is computed at run time is shown as `?`. */
export function importsOf(source: string): ImportedName[] {
  const { code, literals } = stripSource(source);
  const found: ImportedName[] = [];
  for (const match of code.matchAll(/\b(?:import|export)\b([^;"()=]*?)\bfrom\s*"(\d+)"/g)) {
    found.push({ specifier: literals[Number(match[2])]!, typeOnly: isTypeOnly(match[1]!) });
  }
  for (const match of code.matchAll(/\bimport\s*"(\d+)"/g)) {
    found.push({ specifier: literals[Number(match[1])]!, typeOnly: false });
  }
  for (const match of code.matchAll(/(?<![\w$.])(?:import|require)\s*\(\s*(?:"(\d+)"\s*[,)])?/g)) {
    found.push({ specifier: match[1] === undefined ? '?' : literals[Number(match[1])]!, typeOnly: false });
  }
  return found;
}

/** @param clause What stands between `import` and `from`. */
function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b(?!\s*,)/.test(clause)) return true;
  const named = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1];
  if (named === undefined) return false;
  const names = named.split(',').filter((name) => name.trim() !== '');
  return names.length > 0 && names.every((name) => /^\s*type\s/.test(name));
}
