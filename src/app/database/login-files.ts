import {
  type ClientConnection,
  curlOptions,
  mysqlOptions,
  pgpassLine,
} from '../../connect/database/client-setup.ts';
import type { Family } from '../../connect/database/engines.ts';
import type { Needs } from '../collaborators.ts';
import type { Login } from './login.ts';
import type { PrivateFiles } from './private-files.ts';

/** A token opens connections for 15 minutes; a new one is written well before. */
const RENEW_MS = 10 * 60_000;

type FileNeeds = Needs<'clock' | 'scope' | 'report'>;

/** The files of mode 0600 from which clients read a login. */
export class LoginFiles {
  readonly #files: PrivateFiles;
  readonly #deps: FileNeeds;
  #closed = false;

  constructor(files: PrivateFiles, deps: FileNeeds) {
    this.#files = files;
    this.#deps = deps;
    deps.scope.add(() => {
      this.#closed = true;
    });
  }

  /** Where `keepFresh` will write; undefined = the client of this family reads no file, or there is nothing to read. */
  pathFor(family: Family, { password }: Login): string | undefined {
    if (family === 'mysql') return this.#files.pathOf('client.cnf');
    if (family === 'opensearch') return this.#files.pathOf('.curlrc');
    return family === 'postgres' && password !== undefined ? this.#files.pathOf('pgpass') : undefined;
  }

  /** Writes the file, and writes it again with a new token as long as the run lasts. */
  async keepFresh(connection: ClientConnection, login: Login): Promise<void> {
    if (connection.loginFile === undefined) return;
    await this.#write(connection, login);
    if (login.expires) this.#schedule(connection, login);
  }

  #schedule(connection: ClientConnection, login: Login): void {
    const cancel = this.#deps.clock.timer(RENEW_MS, () => {
      if (this.#closed) return;
      this.#write(connection, login)
        .catch((error: unknown) => {
          this.#deps.report({
            type: 'note',
            level: 'warning',
            code: 'token-not-renewed',
            message: `no new token, so new connections are refused after 15 minutes: ${error instanceof Error ? error.message : String(error)}`,
          });
        })
        .finally(() => {
          if (!this.#closed) this.#schedule(connection, login);
        });
    });
    this.#deps.scope.add(cancel);
  }

  async #write(connection: ClientConnection, login: Login): Promise<void> {
    const password = await login.password?.();
    if (connection.family === 'mysql')
      await this.#files.write('client.cnf', mysqlOptions(connection, password));
    else if (connection.family === 'opensearch')
      await this.#files.write('.curlrc', curlOptions(connection, password));
    else if (password !== undefined) await this.#files.write('pgpass', pgpassLine(connection, password));
  }
}
