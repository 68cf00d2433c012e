import { usage } from '../../core/errors.ts';

/** The role or user whose grants are checked. */
export interface Principal {
  readonly kind: 'role' | 'user';
  /** Name without the path. */
  readonly name: string;
  /** Undefined when only the name is known: the path then has to be looked up. */
  readonly arn: string | undefined;
}

const ENTITY = /^arn:[\w-]+:iam::\d{12}:(role|user)\/(?:.+\/)?([^/]+)$/;
/** ARN of a role's session as GetCallerIdentity returns it, without the role's path. */
const SESSION = /^arn:[\w-]+:sts::\d{12}:assumed-role\/([^/]+)\/.+$/;
const SHORT = /^(role|user)\/(?:.+\/)?([^/]+)$/;

/** An ARN of a role, a user or a role's session, `role/NAME`, `user/NAME`. Throws `check-principal` (usage). */
export function parsePrincipal(text: string): Principal {
  const [, session] = SESSION.exec(text) ?? [];
  if (session !== undefined) return { kind: 'role', name: session, arn: undefined };
  const [, kind, name] = ENTITY.exec(text) ?? SHORT.exec(text) ?? [];
  if ((kind === 'role' || kind === 'user') && name !== undefined) {
    return { kind, name, arn: text.startsWith('arn:') ? text : undefined };
  }
  throw usage('check-principal', `${text} is neither a role nor a user`, {
    details: { principal: text },
  });
}
