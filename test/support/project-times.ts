import type { Plugin } from 'vitest/config';
import type { Reporter, TestModule, Vitest } from 'vitest/node';

interface Span {
  tests: number;
  files: number;
  began: number;
  ended: number;
}

/**
 * Prints at the end of a run how long each project took, from the start of its first file to the end of its last one,
 * in addition to the reporters of the command line. It writes to stderr, because the output of a reporter on stdout may
 * be JSON.
 */
class ProjectTimes implements Reporter {
  readonly #spans = new Map<string, Span>();

  onTestModuleQueued(module: TestModule): void {
    const now = Date.now();
    const span = this.#spans.get(module.project.name) ?? { tests: 0, files: 0, began: now, ended: now };
    this.#spans.set(module.project.name, span);
  }

  onTestModuleEnd(module: TestModule): void {
    const span = this.#spans.get(module.project.name);
    if (span === undefined) return;
    span.files++;
    span.tests += [...module.children.allTests()].length;
    span.ended = Date.now();
  }

  onTestRunEnd(): void {
    for (const [name, { tests, files, began, ended }] of this.#spans)
      process.stderr.write(
        ` ${name.padEnd(10)}${((ended - began) / 1000).toFixed(1).padStart(7)} s  ${tests} tests in ${files} files\n`,
      );
  }
}

/** Adds the reporter even if the command line replaces the reporters of the configuration, as `.ci/run` does. */
export function projectTimes(): Plugin {
  let isAdded = false;
  return {
    name: 'project-times',
    // Called once for each project.
    configureVitest({ vitest }: { readonly vitest: Vitest }): void {
      if (isAdded) return;
      isAdded = true;
      vitest.config.reporters.push(new ProjectTimes());
    },
  };
}
