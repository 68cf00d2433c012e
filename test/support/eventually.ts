/** Long enough for a busy machine. */
const PATIENCE_MS = 120_000;

/**
 * Repeats `probe` until it returns a value, for changes that other processes or the timers of the sandbox make within a
 * moment. It yields the processor meanwhile.
 */
export async function eventually<T>(probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`it did not happen within ${PATIENCE_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The same for a condition. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(async () => ((await holds()) ? true : undefined));
}
