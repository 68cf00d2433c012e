import { expect, it } from 'vitest';

import { accountPlaces, placeText, signIns } from '../../src/app/account-places.ts';
import type { AwsAccount } from '../../src/aws/account.ts';
import { access, interrupted } from '../../src/core/errors.ts';

it('combines each profile with each region, in their order and each once', () => {
  expect(accountPlaces({ profile: 'a, b,a', region: 'x,y' })).toEqual([
    { profile: 'a', region: 'x' },
    { profile: 'a', region: 'y' },
    { profile: 'b', region: 'x' },
    { profile: 'b', region: 'y' },
  ]);
  expect(accountPlaces({ profile: undefined, region: undefined })).toEqual([
    { profile: undefined, region: undefined },
  ]);
});

it('refuses an empty name', () => {
  expect(() => accountPlaces({ profile: undefined, region: 'x,' })).toThrow('--region x, has an empty name');
});

it('names a place', () => {
  expect(placeText({ profile: 'a', region: 'x' })).toBe('profile a in x');
  expect(placeText({ profile: undefined, region: undefined })).toBe('the default credentials');
});

const signal = new AbortController().signal;
const settings = {};

/** Only what a sign-in reads. */
const accountOf = (caller: () => Promise<unknown>): AwsAccount =>
  ({
    region: 'x',
    identity: () => Promise.resolve({ caller }),
    alias: () => Promise.resolve('shop'),
  }) as unknown as AwsAccount;

it('signs in to one place after the other, and a refusal does not stop the others', async () => {
  let open = 0;
  const refusal = access('credentials-expired', 'expired', { details: {} });
  const { signedIn, refused } = await signIns(accountPlaces({ profile: 'a,b,c', region: undefined }), {
    settings,
    signal,
    accountAt: ({ profile }) => {
      expect(++open).toBe(1);
      return Promise.resolve(
        accountOf(() => {
          open -= 1;
          return profile === 'b' ? Promise.reject(refusal) : Promise.resolve({ accountId: '1' });
        }),
      );
    },
  });
  expect(
    signedIn.map(({ place, accountId, alias }) => [place.profile, place.region, accountId, alias]),
  ).toEqual([
    ['a', 'x', '1', 'shop'],
    ['c', 'x', '1', 'shop'],
  ]);
  expect(refused).toEqual([{ place: { profile: 'b', region: undefined }, error: refusal }]);
});

it('ends when the person interrupts a sign-in', async () => {
  const places = accountPlaces({ profile: 'a,b', region: undefined });
  const accountAt = (): Promise<AwsAccount> => Promise.reject(interrupted());
  await expect(signIns(places, { settings, signal, accountAt })).rejects.toMatchObject({
    role: 'interrupted',
  });
});
