import { nameOfArn } from '../../core/arn.ts';
import {
  type AccessControl,
  type AuthorizationCheck,
  AwsError,
  type Principal,
  type RoleCredentials,
} from '../contracts.ts';
import type { LoggedCheck } from '../call-log.ts';
import { decide, type Decision, type Grants } from './evaluator.ts';
import type { ContextValues } from './pattern.ts';
import type { PolicyDocument } from './policy-document.ts';
import { trusts } from './trust.ts';

/** What access control needs to know about the account's principals. */
export interface PrincipalDirectory {
  /** Undefined for a principal that no longer exists. */
  grantsOf(principal: Principal): Grants | undefined;
  tagsOf(principal: Principal): ReadonlyMap<string, string>;
  rolePrincipal(roleName: string, sessionName: string): Principal | undefined;
  trustOf(roleName: string): { readonly arn: string; readonly document: PolicyDocument } | undefined;
  roleSession(roleName: string, sessionName: string): RoleCredentials;
}

/** Decides every permission check of the sandbox. */
export class AccessController implements AccessControl {
  readonly #directory: PrincipalDirectory;
  readonly #now: () => number;

  constructor(directory: PrincipalDirectory, now: () => number) {
    this.#directory = directory;
    this.#now = now;
  }

  /**
   * Evaluates the checks in order, up to the first refusal; `refused` is the message with which AWS reports that
   * refusal.
   */
  examine(
    principal: Principal,
    region: string,
    checks: readonly AuthorizationCheck[],
  ): { readonly checks: readonly LoggedCheck[]; readonly refused: string | undefined } {
    const asked: LoggedCheck[] = [];
    for (const check of checks) {
      const decision = this.#decide(principal, region, check);
      asked.push({
        action: check.action,
        resource: check.resource,
        context: check.context ?? {},
        allowed: decision.allowed,
        by: decision.by,
      });
      if (!decision.allowed)
        return { checks: asked, refused: check.refusal ?? refusalText(principal, check, decision) };
    }
    return { checks: asked, refused: undefined };
  }

  demand(principal: Principal, region: string, checks: readonly AuthorizationCheck[]): void {
    const { refused } = this.examine(principal, region, checks);
    if (refused !== undefined) throw new AwsError('AccessDeniedException', refused, 400);
  }

  authorizeRole(
    roleName: string,
    action: string,
    resource: string,
    context: Readonly<Record<string, string | readonly string[]>> = {},
  ): boolean {
    return this.refusalOf(roleName, 'sandbox', { action, resource, context }) === undefined;
  }

  refusalOf(roleName: string, sessionName: string, check: AuthorizationCheck): string | undefined {
    const principal = this.#directory.rolePrincipal(roleName, sessionName);
    if (principal === undefined) return `role ${roleName} does not exist`;
    const decision = this.#decide(principal, undefined, check);
    return decision.allowed ? undefined : refusalText(principal, check, decision);
  }

  trustsService(roleName: string, service: string, context: Readonly<Record<string, string>> = {}): boolean {
    const trust = this.#directory.trustOf(roleName);
    if (trust === undefined) return false;
    const values = Object.entries(context).map(([key, value]) => [key.toLowerCase(), [value]] as const);
    return trusts(trust.document, trust.arn, [`Service:${service}`], new Map(values));
  }

  credentialsForRole(roleName: string, sessionName = 'sandbox'): RoleCredentials {
    return this.#directory.roleSession(roleName, sessionName);
  }

  #decide(principal: Principal, region: string | undefined, check: AuthorizationCheck): Decision {
    const grants = this.#directory.grantsOf(principal);
    if (grants === undefined) {
      return { allowed: false, by: undefined, reason: 'because the principal does not exist any more' };
    }
    return decide(grants, {
      action: check.action,
      resource: check.resource,
      context: this.#context(principal, region, check),
    });
  }

  /** The global condition keys of every request, overlaid with those of the check. Keys are case-insensitive. */
  #context(principal: Principal, region: string | undefined, check: AuthorizationCheck): ContextValues {
    const now = this.#now();
    const context = new Map<string, readonly string[]>([
      ['aws:principalarn', [principal.arn]],
      ['aws:principalaccount', [principal.accountId]],
      ['aws:principaltype', [principal.roleName === undefined ? 'User' : 'AssumedRole']],
      ['aws:userid', [principal.userId]],
      ['aws:sourceip', ['127.0.0.1']],
      ['aws:securetransport', ['true']],
      ['aws:currenttime', [new Date(now).toISOString()]],
      ['aws:epochtime', [String(Math.floor(now / 1000))]],
      ['aws:viaawsservice', ['false']],
    ]);
    if (region !== undefined) context.set('aws:requestedregion', [region]);
    if (principal.roleName === undefined) {
      context.set('aws:username', [nameOfArn(principal.arn)]);
    }
    for (const [key, value] of this.#directory.tagsOf(principal)) {
      context.set(`aws:principaltag/${key.toLowerCase()}`, [value]);
    }
    for (const [key, value] of Object.entries(check.context ?? {})) {
      context.set(key.toLowerCase(), typeof value === 'string' ? [value] : value);
    }
    return context;
  }
}

const refusalText = (principal: Principal, check: AuthorizationCheck, decision: Decision): string =>
  `User: ${principal.arn} is not authorized to perform: ${check.action} ` +
  `on resource: ${check.resource} ${decision.reason}`;
