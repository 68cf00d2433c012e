import type { IamNaming } from '../roles/iam-names.ts';
import type { GroupRule } from '../ports/network.ts';
import type { Tags } from '../ports/tags.ts';

/**
 * A bastion as code: what an administrator makes once (role, boundary, profile, group, launch template), and the
 * request that launches it, as a command. Everything is made from what `up` would send; only ids are references here.
 */

/** Name of role and profile in the exported code; `up --role` takes it. */
export const exportedRole = ({ prefix }: IamNaming): string => `${prefix}fargate-connect-bastion`;

/** What stands for an id that only the deployed code knows: `@group` in a launch template, `@subnet` in a fleet. */
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

/** JSON documents, completely filled. */
export interface ExportedDocuments {
  readonly trust: string;
  readonly policy: string;
  readonly boundary: string;
}

export interface ExportedBastion {
  readonly region: string;
  readonly iam: IamNaming;
  /** Of group and launch template. Not the name that `up` gives, so that `down` takes them for somebody else's. */
  readonly name: string;
  readonly description: string;
  /** Undefined: role and profile are there already. */
  readonly documents: ExportedDocuments | undefined;
  readonly egress: readonly GroupRule[];
  readonly tags: Tags;
  /** `LaunchTemplateData` in EC2's words, with references. */
  readonly template: Json;
  readonly userData: string;
  /** The request of CreateFleet in EC2's words, with references. */
  readonly fleet: Json;
  /** Values that the code's own parameters start with. */
  readonly defaults: { readonly vpc: string | undefined; readonly subnet: string | undefined };
}

/** Why there is no fleet among the resources; both formats say it. */
export const NO_FLEET =
  'The instance is no resource: a fleet of type instant is a request and nothing that stays, its record would outlive a bastion that ends itself, and declared fleets know no image per instance type, so arm64 and x86_64 could not be mixed. The output with the name launch is that request as a command; down --name ends what it launched and leaves the rest to this code.';

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

/** The command that launches one; `reference` writes each id in the words of the format. */
export function launchCommand(
  { fleet, region }: ExportedBastion,
  reference: (name: Reference) => string,
): string {
  const request = JSON.stringify(mapped(fleet, (text) => text, reference));
  return `aws ec2 create-fleet --region ${region} --cli-input-json '${request}'`;
}
