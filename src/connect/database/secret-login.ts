import { failed } from '../../core/errors.ts';

/** What a secret says about a login; only the password is always there. */
export interface SecretLogin {
  readonly password: string;
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** Where the secret says that it is valid; RDS's own secrets say nothing. */
  readonly host: string | undefined;
}

/** Far above any login, so that a secret that holds something else is not searched. */
const LONGEST = 65_536;

/**
 * Reads the JSON that Secrets Manager documents for databases (`username`, `password`, `host`, `dbname`), which RDS
 * and RDS Proxy use too; text that is no JSON object is the password itself. Throws `secret-unusable`, which names the
 * keys and never a value.
 */
export function parseSecret(secret: string, text: string): SecretLogin {
  const unusable = (what: string): Error =>
    failed('secret-unusable', `secret ${secret} ${what}`, { details: { secret } });
  if (text.length > LONGEST) throw unusable(`is longer than ${LONGEST} characters`);
  if (text === '') throw unusable('is empty');
  const value = jsonOf(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { password: text, user: undefined, database: undefined, host: undefined };
  const field = (...names: readonly string[]): string | undefined => {
    for (const name of names) {
      const found: unknown = Reflect.get(value, name);
      if (typeof found === 'string' && found !== '') return found;
    }
    return undefined;
  };
  const password = field('password');
  if (password === undefined)
    throw unusable(`has no password among its keys: ${Object.keys(value).join(', ')}`);
  return {
    password,
    user: field('username', 'user'),
    database: field('dbname', 'database'),
    host: field('host'),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
