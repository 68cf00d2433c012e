/** Help text of `--no-confinement` for `sandbox` and `demo`. */
export const NO_CONFINEMENT = 'run the shells of containers without namespaces of their own';

/** One line that is shown when the sandbox or the demo starts. */
export const whereShellsRun = (isConfined: boolean): string =>
  isConfined
    ? 'Shells of containers run on this machine, confined: your files are hidden, the rest is read-only. Shells of bastions run with your rights.'
    : 'Shells run on this machine with your rights, unconfined.';
