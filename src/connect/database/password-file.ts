/** The password files of libpq. Source: PostgreSQL, "The Password File". Pure: it reads no file. */

/**
 * Whether a line of the file holds a password for this connection, by libpq's rule: each of the first four fields is
 * `*` or equal, and a backslash escapes a colon or a backslash. An unknown database or user matches every line.
 */
export function hasPassword(
  text: string,
  {
    host,
    port,
    database,
    user,
  }: {
    readonly host: string;
    readonly port: number;
    readonly database: string | undefined;
    readonly user: string | undefined;
  },
): boolean {
  const wanted = [host, String(port), database, user];
  return text.split(/\r?\n/).some((line) => {
    if (line.startsWith('#')) return false;
    const fields = (line.match(/(?:\\.|[^:\\])*(?::|$)/g) ?? []).map((field) =>
      field.replace(/:$/, '').replaceAll(/\\(.)/g, '$1'),
    );
    return (
      (fields[4] ?? '') !== '' &&
      wanted.every((value, index) => {
        const field = fields[index];
        return field === '*' || value === undefined || field === value;
      })
    );
  });
}
