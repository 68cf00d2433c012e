import { Ajv, type ErrorObject } from 'ajv';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { usage } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import { WORLD_SCHEMA } from './world-json-schema.ts';
import type { WorldFile } from './world-schema.ts';

const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Reads a world file. Throws usage `bad-world` with file, line and column for text that is not YAML, for members that
 * the schema does not have, and for names that exist neither in the file nor in the base world.
 */
export function parseWorldFile(path: string, text: string): WorldFile {
  if (Buffer.byteLength(text) > MAX_BYTES)
    throw badWorld(`${path}: a world file has at most ${MAX_BYTES / 1024 / 1024} MiB`, path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [syntax] = document.errors;
  if (syntax !== undefined)
    throw badWorld(`${at(syntax.pos[0])}: ${syntax.message.split('\n')[0] ?? ''}`, path);
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (value === null) return {};
  const validate = new Ajv({ allErrors: false, strict: false, verbose: true }).compile<WorldFile>(
    WORLD_SCHEMA,
  );
  if (validate(value)) return value;
  const [error] = validate.errors ?? [];
  const where = error === undefined ? [] : placeOf(error);
  const node = document.getIn(where, true);
  const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  throw badWorld(
    `${at(offset)}: ${where.join('.') || 'the file'} ${error === undefined ? 'is wrong' : reasonOf(error)}`,
    path,
  );
}

const badWorld = (message: string, file: string): Error => usage('bad-world', message, { details: { file } });

/** Keys and indexes from the root to the wrong value. */
function placeOf({ instancePath }: ErrorObject): readonly (string | number)[] {
  return instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function reasonOf(error: ErrorObject): string {
  const params = error.params as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(params['additionalProperty']);
      const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
      const close = nearest(name, known, 1)[0];
      return `has no member '${name}' (${close === undefined ? `known: ${known.join(', ')}` : `did you mean '${close}'?`})`;
    }
    case 'enum':
      return `must be one of ${(params['allowedValues'] as readonly string[]).join(', ')}, not '${String(error.data)}'`;
    case 'required':
      return `lacks '${String(params['missingProperty'])}'`;
    default:
      return error.message ?? 'is wrong';
  }
}
