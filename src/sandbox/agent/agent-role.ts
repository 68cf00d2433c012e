import { formatArn } from '../../core/arn.ts';
import type { AccessControl } from '../contracts.ts';

/** The role that an agent acts with: the role of its instance or of its task. */
export class AgentRole {
  readonly #access: Pick<AccessControl, 'refusalOf'>;
  readonly #roleName: string | undefined;
  readonly #sessionName: string;

  constructor(access: Pick<AccessControl, 'refusalOf'>, roleName: string | undefined, sessionName: string) {
    this.#access = access;
    this.#roleName = roleName;
    this.#sessionName = sessionName;
  }

  get exists(): boolean {
    return this.#roleName !== undefined;
  }

  /** The message with which AWS refuses the action; undefined if the role allows it. */
  refusal(action: string, resource: string): string | undefined {
    if (this.#roleName === undefined) return `there is no role that allows ${action}`;
    return this.#access.refusalOf(this.#roleName, this.#sessionName, { action, resource });
  }
}

/** Role sessions are named after the instance or the task (ECS: the task's id). */
export const roleSessionName = (target: string): string =>
  target.startsWith('ecs:') ? (target.split('_').at(-2) ?? target) : target;

/** The resource of the permission checks for the agent's channels (docs/reference/iam.md §3). */
export const channelResource = (region: string, accountId: string): string =>
  formatArn({ service: 'ssmmessages', region, account: accountId, resource: '*' });

/** The text of a refusal by the message gateway inside the agent's error message. */
export const gatewayRefusal = (refusal: string): string =>
  'unexpected response from the service ' +
  `<AccessDeniedException> <Message>${refusal}</Message> </AccessDeniedException>`;
