import { failed } from '../../core/errors.ts';
import { cloudFormation } from './export-cloudformation.ts';
import { terraform } from './export-terraform.ts';
import type { ExportedBastion } from './exported-bastion.ts';

export type CodeFormat = 'terraform' | 'cloudformation';

/**
 * Returns a CloudFormation template, or Terraform in its JSON syntax (`*.tf.json`). Throws `placeholder-unfilled`,
 * because code with an unfilled placeholder would fail only at deployment.
 */
export function exportBastion(format: CodeFormat, bastion: ExportedBastion): string {
  const { documents, template } = bastion;
  const text = `${documents?.trust ?? ''}${documents?.policy ?? ''}${documents?.boundary ?? ''}${JSON.stringify(template)}`;
  const open = /\$\{([a-z][a-z0-9-]*)\}/.exec(text)?.[1];
  if (open !== undefined) {
    throw failed('placeholder-unfilled', `the code needs a value for ${open}`, {
      details: { placeholders: [open] },
    });
  }
  const code = format === 'terraform' ? terraform(bastion) : cloudFormation(bastion);
  return `${JSON.stringify(code, undefined, 2)}\n`;
}
