import { AwsError } from '../../contracts.ts';

/**
 * Whether a message matches a filter pattern of CloudWatch Logs ("Filter pattern syntax", unstructured log events).
 */
export type MessageFilter = (message: string) => boolean;

const unsupported = (pattern: string): AwsError =>
  new AwsError('InvalidParameterException', `Invalid filter pattern: ${pattern}`);

/**
 * Parses a pattern. Words must all be in the message; of the `?word` terms one must be; a `-word` must not be; `"a
 * phrase"` and `%regex%` work too. Upper and lower case differ. The sandbox has no JSON (`{ … }`) and no column (`[ …
 * ]`) patterns: they are refused with AwsError `InvalidParameterException`, as is a pattern that cannot be parsed.
 */
export function parseFilterPattern(pattern: string): MessageFilter {
  const text = pattern.trim();
  if (text === '') return () => true;
  if (/^[{[]/.test(text)) throw unsupported(pattern);
  const terms = termsOf(text, pattern);
  const all = terms.filter(({ sign }) => sign === '').map(({ fits }) => fits);
  const any = terms.filter(({ sign }) => sign === '?').map(({ fits }) => fits);
  const none = terms.filter(({ sign }) => sign === '-').map(({ fits }) => fits);
  return (message) =>
    all.every((fits) => fits(message)) &&
    (any.length === 0 || all.length > 0 || any.some((fits) => fits(message))) &&
    !none.some((fits) => fits(message));
}

interface Term {
  readonly sign: '' | '?' | '-';
  readonly fits: MessageFilter;
}

function termsOf(text: string, pattern: string): readonly Term[] {
  const terms: Term[] = [];
  const TERM = /\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]+)%|([^\s"%]+))(?=\s|$)/y;
  while (TERM.lastIndex < text.length) {
    const match = TERM.exec(text);
    if (match === null) throw unsupported(pattern);
    const [, sign = '', quoted, regex, word] = match;
    terms.push({
      sign: sign as Term['sign'],
      fits:
        regex === undefined
          ? contains(quoted?.replace(/\\(.)/g, '$1') ?? word ?? '')
          : matches(regex, pattern),
    });
  }
  return terms;
}

const contains =
  (wanted: string): MessageFilter =>
  (message) =>
    message.includes(wanted);

function matches(source: string, pattern: string): MessageFilter {
  try {
    const regex = new RegExp(source);
    return (message) => regex.test(message);
  } catch {
    throw unsupported(pattern);
  }
}
