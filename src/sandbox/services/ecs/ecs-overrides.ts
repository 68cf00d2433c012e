import type { SeedContainerDefinition } from '../../seed-shapes.ts';
import { optionalText, structList, textList } from '../members.ts';
import type { Fields } from './ecs-model.ts';

/** The container with the command and environment that `overrides.containerOverrides` of RunTask sets. */
export function applyOverrides(
  container: SeedContainerDefinition,
  overrides: Fields | undefined,
): SeedContainerDefinition {
  const own = structList(overrides ?? {}, 'containerOverrides').find(
    (item) => optionalText(item, 'name') === container.name,
  );
  if (own === undefined) return container;
  const command = textList(own, 'command');
  const environment = structList(own, 'environment').map((item) => [
    optionalText(item, 'name') ?? '',
    optionalText(item, 'value') ?? '',
  ]);
  return {
    ...container,
    ...(command.length === 0 ? {} : { command: [...(container.entryPoint ?? []), ...command] }),
    environment: { ...container.environment, ...(Object.fromEntries(environment) as Record<string, string>) },
  };
}
