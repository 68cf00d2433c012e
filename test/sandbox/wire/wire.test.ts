import { XMLParser } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { AwsError } from '../../../src/sandbox/contracts.ts';
import { decodeJson, encodeJson } from '../../../src/sandbox/wire/json.ts';
import { paginate } from '../../../src/sandbox/wire/pages.ts';
import { decodeQueryForm, QUERY_LIMITS } from '../../../src/sandbox/wire/query-form.ts';
import { xmlContent, XmlList } from '../../../src/sandbox/wire/xml.ts';

const decode = (form: string) => decodeQueryForm(new URLSearchParams(form));

describe('query forms', () => {
  test('numbered names are decoded as lists in the order of their numbers, whatever the order of arrival', () => {
    expect(decode('Filter.2.Name=b&Filter.1.Name=a&Filter.1.Value.10=y&Filter.1.Value.2=x')).toEqual({
      Filter: [{ Name: 'a', Value: ['x', 'y'] }, { Name: 'b' }],
    });
  });

  test('the member level of the AWS query protocol is removed', () => {
    expect(decode('Tags.member.1.Key=k&Tags.member.1.Value=v')).toEqual({ Tags: [{ Key: 'k', Value: 'v' }] });
  });

  test.each([
    ['depth', `${Array.from({ length: QUERY_LIMITS.depth + 1 }, () => 'a').join('.')}=1`],
    ['list index', `Filter.${QUERY_LIMITS.listIndex + 1}=1`],
    ['parameters', Array.from({ length: QUERY_LIMITS.parameters + 1 }, (_, i) => `a${i}=1`).join('&')],
    ['names', '__proto__.x=1'],
    ['empty segments', 'a..b=1'],
  ])('forms with invalid or too many %s are rejected', (_what, form) => {
    expect(() => decode(form)).toThrow(expect.objectContaining({ code: 'MalformedQueryString' }) as Error);
  });

  test('a parameter named constructor does not change the prototype', () => {
    const decoded = decode('constructor.x=1');
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(decoded['constructor']).toEqual({ x: '1' });
  });
});

describe('XML answers', () => {
  test('lists, dates, blobs and numbers are encoded', () => {
    const xml = xmlContent(
      {
        names: ['a', 'b'],
        databases: new XmlList('DB', [{ id: 1 }]),
        at: new Date('2026-11-21T10:00:00Z'),
        fraction: new Date('2026-11-21T10:00:00.5Z'),
        blob: Uint8Array.of(1, 2, 3),
        absent: undefined,
      },
      'item',
    );
    expect(xml).toBe(
      '<names><item>a</item><item>b</item></names><databases><DB><id>1</id></DB></databases>' +
        '<at>2026-11-21T10:00:00Z</at><fraction>2026-11-21T10:00:00.500Z</fraction><blob>AQID</blob>',
    );
  });

  test('characters that XML does not allow do not break the document', () => {
    const text = 'a<b>&"\' \u0000\u0007 \u{1f600}\r\n';
    const parsed = new XMLParser({ trimValues: false }).parse(`<r>${xmlContent(text, 'item')}</r>`) as {
      r: string;
    };
    expect(parsed.r).toContain('a<b>&"\'');
    expect(parsed.r).toContain('\ufffd\ufffd');
    expect(parsed.r).toContain('\u{1f600}');
  });
});

describe('JSON', () => {
  test('dates are epoch seconds, and blobs are base64', () => {
    expect(encodeJson({ at: new Date(1500), blob: Uint8Array.of(255), none: undefined })).toBe(
      '{"at":1.5,"blob":"/w=="}',
    );
  });

  test.each(['[]', '1', '{', 'null'])('a body of %s is a SerializationException', (body) => {
    expect(() => decodeJson(Buffer.from(body))).toThrow(AwsError);
  });
});

describe('pages', () => {
  test('return the whole list once', () => {
    const items = Array.from({ length: 23 }, (_, i) => i);
    const seen: number[] = [];
    for (let token: string | undefined; ;) {
      const page = paginate(items, token, 5, 'Bad');
      seen.push(...page.items);
      token = page.next;
      if (token === undefined) break;
    }
    expect(seen).toEqual(items);
  });

  test('an invalid token is rejected with the error code of the service', () => {
    expect(() => paginate([1], 'zzz', 1, 'InvalidNextToken')).toThrow(
      expect.objectContaining({ code: 'InvalidNextToken' }) as Error,
    );
  });
});
