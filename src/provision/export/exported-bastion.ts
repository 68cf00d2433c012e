import { singleQuoted } from '../../core/shell-words.ts';
import { type IamNaming, sharedBoundary } from '../roles/iam-names.ts';
import type { GroupRule } from '../ports/network.ts';
import type { Tags } from '../ports/tags.ts';

/**
 * A bastion as code: the resources that an administrator creates once (role, boundary, profile, group, launch template),
 * and the command that launches an instance. All of it is what `up` would send, with references in place of ids.
 */

/** Name of role and profile in the exported code; it is the value for `up --role`. */
export const exportedRole = ({ prefix }: IamNaming): string => `${prefix}fargate-connect-bastion`;

/**
 * Name of the boundary in the exported code. It differs from the one that bastions of `up` share: destroying the code
 * would otherwise have to delete a boundary that the roles of other bastions use. `policy operator` forbids editing
 * both.
 */
export const exportedBoundary = (iam: IamNaming): string => `${sharedBoundary(iam)}-code`;

/** Placeholder for an id that only the deployed code knows: `@group` in a launch template, `@subnet` in a fleet. */
export type Reference = 'vpc' | 'subnet' | 'profile' | 'group' | 'template' | 'public-ip' | 'user-data';

export const referenceTo = (name: Reference): string => `@${name}`;

const REFERENCES: ReadonlySet<string> = new Set<Reference>([
  'vpc',
  'subnet',
  'profile',
  'group',
  'template',
  'public-ip',
  'user-data',
]);
const isReference = (name: string): name is Reference => REFERENCES.has(name);

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The IAM documents as JSON, with all placeholders filled. */
export interface ExportedDocuments {
  readonly trust: string;
  readonly policy: string;
  readonly boundary: string;
}

export interface ExportedBastion {
  readonly region: string;
  readonly iam: IamNaming;
  /**
   * Name of group and launch template. It differs from the name that `up` uses, so that `down` does not delete them.
   */
  readonly name: string;
  readonly description: string;
  /** Undefined if role and profile exist already. */
  readonly documents: ExportedDocuments | undefined;
  readonly egress: readonly GroupRule[];
  readonly tags: Tags;
  /** `LaunchTemplateData` as EC2's API names its members, with references. */
  readonly template: Json;
  readonly userData: string;
  /** The request of CreateFleet as EC2's API names its members, with references. */
  readonly fleet: Json;
  /** Default values of the parameters of the code. */
  readonly defaults: { readonly vpc: string | undefined; readonly subnet: string | undefined };
}

/** Why the resources contain no fleet; both formats print it. */
export const NO_FLEET =
  'The instance is not a resource of this code: a fleet of type instant is a single request, its record would still exist after the bastion has terminated itself, and a declared fleet cannot have an image for each instance type, so arm64 and x86_64 could not be mixed. The output named launch is that request as a command. down --name terminates what it launched and leaves the rest to this code.';

/** The same value with `text` for each other string and `reference` for each reference. */
export function mapped(
  value: Json,
  text: (text: string) => Json,
  reference: (name: Reference) => Json,
): Json {
  if (typeof value === 'string') {
    const name = value.slice(1);
    return value.startsWith('@') && isReference(name) ? reference(name) : text(value);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map((item) => mapped(item, text, reference));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapped(item, text, reference)]));
}

export const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

export const parsed = (document: string): Json => JSON.parse(document) as Json;

/** The command that launches an instance; `reference` writes each id in the syntax of the format. */
export function launchCommand(
  { fleet, region }: ExportedBastion,
  reference: (name: Reference) => string,
): string {
  const request = JSON.stringify(mapped(fleet, (text) => text, reference));
  return `aws ec2 create-fleet --region ${region} --cli-input-json ${singleQuoted(request)}`;
}
