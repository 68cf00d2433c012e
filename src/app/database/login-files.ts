import {
  type ClientConnection,
  curlOptions,
  mongoshScript,
  mysqlOptions,
  pgpassLine,
} from '../../connect/database/client-setup.ts';
import type { Family } from '../../connect/database/engines.ts';
import type { Needs } from '../collaborators.ts';
import type { Login } from './login.ts';
import type { PrivateFiles } from './private-files.ts';

/** A token opens connections for 15 minutes; a new one is written well before. */
const RENEW_MS = 10 * 60_000;
/**
 * How often the age of the token is compared with that: timers stand still while a laptop sleeps, so that one timer of
 * ten minutes would leave an expired token in the file for minutes after it wakes up.
 */
export const TOKEN_CHECK_MS = 24_000;

type FileNeeds = Needs<'clock' | 'scope' | 'report'>;

/** The files of mode 0600 from which clients read a login. */
export class LoginFiles {
  readonly #files: PrivateFiles;
  readonly #deps: FileNeeds;
  #closed = false;
  #cancelCheck: () => void = () => undefined;

  constructor(files: PrivateFiles, deps: FileNeeds) {
    this.#files = files;
    this.#deps = deps;
    deps.scope.add(() => {
      this.#closed = true;
      this.#cancelCheck();
    });
  }

  /** Where `keepFresh` will write; undefined = the client of this family reads no file, or there is nothing to read. */
  pathFor(family: Family, { password }: Login): string | undefined {
    if (family === 'mysql') return this.#files.pathOf('client.cnf');
    if (family === 'opensearch') return this.#files.pathOf('.curlrc');
    if (password === undefined) return undefined;
    if (family === 'mongodb') return this.#files.pathOf('login.js');
    return family === 'postgres' ? this.#files.pathOf('pgpass') : undefined;
  }

  /** Writes the file, and writes it again with a new token as long as the run lasts. */
  async keepFresh(connection: ClientConnection, login: Login): Promise<void> {
    if (connection.loginFile === undefined) return;
    const signedAt = this.#deps.clock.now();
    await this.#write(connection, login);
    if (login.expires) this.#renewAfter(signedAt, connection, login);
  }

  /** `attemptedAt`: when the token of the file was signed, or when signing another one was tried last. */
  #renewAfter(attemptedAt: number, connection: ClientConnection, login: Login): void {
    const { clock } = this.#deps;
    const cancel = clock.timer(TOKEN_CHECK_MS, () => {
      if (this.#closed) return;
      const now = clock.now();
      if (now - attemptedAt < RENEW_MS) {
        this.#renewAfter(attemptedAt, connection, login);
        return;
      }
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
          if (!this.#closed) this.#renewAfter(now, connection, login);
        });
    });
    this.#cancelCheck = cancel;
  }

  async #write(connection: ClientConnection, login: Login): Promise<void> {
    const password = await login.password?.();
    if (connection.family === 'mysql')
      await this.#files.write('client.cnf', mysqlOptions(connection, password));
    else if (connection.family === 'opensearch')
      await this.#files.write('.curlrc', curlOptions(connection, password));
    else if (password !== undefined && connection.family === 'mongodb')
      await this.#files.write('login.js', mongoshScript(connection, password));
    else if (password !== undefined) await this.#files.write('pgpass', pgpassLine(connection, password));
  }
}
