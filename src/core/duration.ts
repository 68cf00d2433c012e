/** Durations and ages, as users type them and as they are shown: `45s`, `3m05s`, `1h30m`, `2d`. */

const two = (value: number): string => String(value).padStart(2, '0');

/** `3m05s` for 3 minutes and 5 seconds; the smaller unit is left out when it is zero. */
const pair = (large: number, unit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large}${unit}` : `${large}${unit}${two(small)}${smallUnit}`;

/** How long a step took: `850ms`, `4.2s`, `3m05s`, `2h10m`, `3d04h`; at most two units. */
export function describeElapsed(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  return ms < 59_950 ? `${(ms / 1000).toFixed(1)}s` : longer(ms);
}

/** An age, a deadline or a remaining time: `45s`, `3m05s`, `2h10m`, `3d04h`; in whole seconds. */
export function describeDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return seconds < 60 ? `${seconds}s` : longer(seconds * 1000);
}

function longer(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return pair(Math.floor(seconds / 60), 'm', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'm');
  const hours = Math.round(minutes / 60);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** The milliseconds of `30m`, `8h`, `1h30m`, `2d`, `45s`; undefined for all other text. */
export function parseDuration(text: string): number | undefined {
  const match = /^(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?$/.exec(text.trim());
  if (match === null || text.trim() === '') return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}
