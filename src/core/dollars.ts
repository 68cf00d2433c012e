/** `$0.0031`: four digits, because a bastion costs less than a cent an hour. */
export const dollars = (amount: number): string => `$${amount.toFixed(amount < 1 ? 4 : 2)}`;
