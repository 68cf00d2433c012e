import { failed, ToolError } from '../../core/errors.ts';
import { TAG } from '../bastion/names.ts';
import type { ApplyRun, Existing, ResourceKind } from './kinds/resource-kind.ts';

/**
 * Creates a resource. If another run created it meanwhile and it carries the tag of this bastion, adopts that one.
 * Throws `name-taken` if it does not carry the tag.
 */
export async function createOrAdopt<Input, Found extends Existing, Created extends Found | undefined>(
  kind: ResourceKind<Input, Found, Created>,
  name: string,
  input: Input,
  run: ApplyRun,
): Promise<Found | Created> {
  try {
    return await kind.create(input, run);
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'already-exists' || kind.adopt === undefined)
      throw error;
    const found = await kind.adopt(input, run);
    if (found?.tags[TAG.bastion] === run.bastion) return found;
    throw failed('name-taken', `${kind.title} ${name} exists and is not part of bastion ${run.bastion}`, {
      details: { name: run.bastion, taken: [] },
      cause: error,
    });
  }
}
