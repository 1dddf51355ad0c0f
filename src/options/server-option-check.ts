import { checkedList, checkedOption, type MemberKind, refuseOption } from './option-check.ts';
import { checkedSecret } from './admin-options.ts';
import { checkedEndpoint } from './endpoint-options.ts';
import { checkedLevels } from './load-control-options.ts';
import { isAddressOrRange } from './addresses.ts';
import type { GroupRule, OptionRule, ServerListRule, TopicRulesRule } from './server-option-table.ts';
import { checkTls } from './tls-options.ts';
import { resolveTopicRules } from './topic-options.ts';
import { isHostname, isListable } from './origins.ts';

/** Longest text of an option, in UTF-16 units. */
const MAX_TEXT_LENGTH = 256;

/**
 * Checks one value against its row of the table.
 * @returns The value; lists as a frozen copy.
 * @throws MisuseError `ERR_OPTION`.
 */
export function checkedServerOption(
  name: string,
  rule: Exclude<OptionRule, GroupRule>,
  value: unknown,
): unknown {
  if (rule.kind === 'list')
    return rule.of === 'token'
      ? checkedOption(name, rule, value)
      : checkedList(name, rule, MEMBERS[rule.of], value);
  if (rule.kind === 'tls') {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? checkTls(name, value)
      : refuseOption(name, value, 'an object of Node’s TLS options');
  }
  if (isTopicRules(rule)) return resolveTopicRules(rule.kind, name, value);
  if (rule.kind === 'endpoint') return checkedEndpoint(name, value);
  if (rule.kind === 'levels') return checkedLevels(name, rule, value);
  if (rule.kind === 'secret') return checkedSecret(name, value);
  if (rule.kind === 'text')
    return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT_LENGTH
      ? value
      : refuseOption(name, value, `a string of 1 to ${MAX_TEXT_LENGTH} characters`);
  if (rule.kind !== 'path') return checkedOption(name, rule, value);
  if (typeof value === 'function' || value instanceof RegExp) return value;
  if (typeof value === 'string' && /^\/[^?#\s]*$/.test(value)) return value;
  return refuseOption(
    name,
    value,
    "a path that begins with '/' and has no query, a regular expression, or a function",
  );
}

const isTopicRules = (rule: OptionRule): rule is TopicRulesRule =>
  rule.kind === 'history' || rule.kind === 'presence';

/** What the members of a list are, and how to recognize one. */
const MEMBERS: Readonly<Record<ServerListRule['of'], MemberKind>> = {
  origin: {
    fits: (member) => member instanceof RegExp || (typeof member === 'string' && isListable(member)),
    are: "origins such as 'https://app.example', with scheme and without wildcard, or regular expressions",
  },
  host: {
    fits: (member) => typeof member === 'string' && isHostname(member),
    are: "host names such as 'localhost' or '[::1]', in ASCII and without port",
  },
  address: {
    fits: (member) => typeof member === 'string' && isAddressOrRange(member),
    are: "IP addresses or CIDR ranges such as '10.0.0.0/8'",
  },
};
