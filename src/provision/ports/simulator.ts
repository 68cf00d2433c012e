/** One condition key of a simulated request. */
export type ContextEntry = {
  readonly key: string;
  readonly values: readonly string[];
  readonly type: 'string' | 'stringList' | 'boolean';
};

/** Each action is simulated on each resource, all with the same context. */
export interface Simulation {
  readonly actions: readonly string[];
  /** ARNs, or `*` alone for actions without resource types. */
  readonly resources: readonly string[];
  readonly context: readonly ContextEntry[];
}

/** What IAM would decide about one action on one resource. */
export interface SimulatedDecision {
  readonly action: string;
  readonly resource: string;
  readonly decision: 'allowed' | 'explicitDeny' | 'implicitDeny';
  /** Undefined for a principal without a permissions boundary. */
  readonly allowedByBoundary: boolean | undefined;
  /** Result of the organization's service control policies; undefined outside an organization. */
  readonly allowedByOrganization: boolean | undefined;
  /** Condition keys that the principal's policies ask for and the context lacks. */
  readonly missingContext: readonly string[];
}

/** What `policy --check` reads from IAM. A denied call is `access-denied`. */
export interface SimulatorPort {
  /** GetRole: ARN and trust policy (JSON); undefined if it does not exist. */
  role(name: string): Promise<{ readonly arn: string; readonly trust: string } | undefined>;
  /** GetUser: the ARN; undefined if it does not exist. */
  userArn(name: string): Promise<string | undefined>;
  /** SimulatePrincipalPolicy, all pages; undefined if there is no such role or user. */
  simulate(principalArn: string, simulation: Simulation): Promise<readonly SimulatedDecision[] | undefined>;
}
