import { describe, expect, it } from 'vitest';
import { describePlan } from '../../../src/cli/render/plan-text.ts';
import { ruleAdmitting } from '../../../src/diagnose/network/reach.ts';
import { planUp } from '../../../src/provision/plan/plan-up.ts';
import { EMPTY, NOW, sampleSpec } from '../../provision/sample-spec.ts';

describe('a plan on a narrow terminal', () => {
  const plan = planUp(EMPTY, sampleSpec(), NOW, ruleAdmitting);
  it.each([60, 80, 100, 120, 140])('fits into %i columns and omits no word', (width) => {
    const lines = describePlan(plan, width);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(width, 72));
    const words = (text: readonly string[]): string => text.join(' ').replace(/ +/g, ' ');
    expect(words(lines)).toBe(words(describePlan(plan)));
  });

  it('prints the reason below the step if its column would be too narrow', () => {
    expect(describePlan(plan, 90).slice(0, 3)).toEqual([
      '+ create   boundary          fargate-connect-default-eu-west-1-boundary',
      '      limits what the role can ever be allowed to do',
      '+ create   role              fargate-connect-default-eu-west-1  only EC2 can assume it',
    ]);
  });
});
