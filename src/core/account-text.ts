/** `account 111122223333`, or `account acme-dev (111122223333)` if its alias is known. */
export const accountText = (accountId: string, alias: string | undefined): string =>
  alias === undefined ? `account ${accountId}` : `account ${alias} (${accountId})`;
