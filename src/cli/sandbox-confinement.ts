/** What `--no-confinement` of `sandbox` and `demo` does. */
export const NO_CONFINEMENT = 'run the shells of containers without namespaces of their own';

/** One plain line, said where the sandbox or the demo is entered. */
export const whereShellsRun = (isConfined: boolean): string =>
  isConfined
    ? 'Shells of containers run on this machine, confined: your files are hidden, the rest is read-only. Shells of bastions run with your rights.'
    : 'Shells run on this machine with your rights, unconfined.';
