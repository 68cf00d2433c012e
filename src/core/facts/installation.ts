/** How the tool was installed, which decides how a package is installed next to it. */
export type Installation = {
  readonly kind: 'npx' | 'global' | 'pnpm' | 'checkout' | 'project' | 'unpacked';
  /** The tool's own version. */
  readonly version: string;
  /** The project folder that contains node_modules, or the tool's own folder if there is none. */
  readonly folder: string;
};
