/** Answers of the XML services. Structures become elements in insertion order; undefined members are left out. */

/** A list whose items have an element name of their own, e.g. RDS's `<DBInstances><DBInstance>`. */
export class XmlList {
  readonly itemName: string;
  readonly items: readonly unknown[];
  constructor(itemName: string, items: readonly unknown[]) {
    this.itemName = itemName;
    this.items = items;
  }
}

/** `<name>…</name>`; the items of an array are elements named `itemName`. */
function xmlElement(name: string, value: unknown, itemName: string): string {
  if (value === undefined || value === null) return '';
  return `<${name}>${xmlContent(value, itemName)}</${name}>`;
}

/** The text between an element's start tag and end tag. */
export function xmlContent(value: unknown, itemName: string): string {
  if (value instanceof XmlList) {
    return value.items.map((item) => xmlElement(value.itemName, item, itemName)).join('');
  }
  if (Array.isArray(value)) {
    return (value as readonly unknown[]).map((item) => xmlElement(itemName, item, itemName)).join('');
  }
  if (value instanceof Date) return value.toISOString().replace(/\.\d{3}Z$/, milliseconds);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, member]) => xmlElement(name, member, itemName))
      .join('');
  }
  return escapeXml(String(value));
}

/** AWS writes whole seconds without a fraction. */
const milliseconds = (fraction: string): string => (fraction === '.000Z' ? 'Z' : fraction);

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#xD;',
};

/** XML 1.0 cannot represent most control characters, not even escaped: they are replaced by U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .replace(/[&<>"'\r]/g, (character) => ESCAPES[character] ?? character)
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
}
