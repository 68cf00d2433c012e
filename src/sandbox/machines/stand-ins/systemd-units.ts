/** Directives of a unit file by section; a directive may be given several times. */
export type UnitFile = ReadonlyMap<string, readonly { readonly name: string; readonly value: string }[]>;

/**
 * Reads a unit file. Comments, blank lines and everything before the first section are ignored; a backslash joins
 * lines.
 */
export function parseUnitFile(text: string): UnitFile {
  const sections = new Map<string, { name: string; value: string }[]>();
  let section: { name: string; value: string }[] | undefined;
  for (const raw of text.replaceAll('\\\n', ' ').split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const header = /^\[(.+)\]$/.exec(line);
    if (header !== null) {
      section = sections.get(header[1] ?? '') ?? [];
      sections.set(header[1] ?? '', section);
      continue;
    }
    const equals = line.indexOf('=');
    if (equals > 0)
      section?.push({ name: line.slice(0, equals).trim(), value: line.slice(equals + 1).trim() });
  }
  return sections;
}

/** All values of a directive; an empty value resets those before it, as in systemd. */
export function valuesOf(unit: UnitFile, section: string, name: string): readonly string[] {
  let values: string[] = [];
  for (const directive of unit.get(section) ?? []) {
    if (directive.name !== name) continue;
    values = directive.value === '' ? [] : [...values, directive.value];
  }
  return values;
}

export function valueOf(unit: UnitFile, section: string, name: string): string | undefined {
  return valuesOf(unit, section, name).at(-1);
}
