/** HTML and SVG as strings: what is not markup already is text, and is escaped. */

export class Markup {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

export type Content = Markup | string | number | undefined | readonly Content[];

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Elements that have no end tag. */
const VOID = new Set(['meta', 'col', 'br']);

/** An element; attributes that are undefined or false are left out. */
export function tag(name: string, attributes: Attributes = {}, ...content: readonly Content[]): Markup {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([key, value]) => (value === true ? ` ${key}` : ` ${key}="${escaped(String(value))}"`));
  const start = `<${name}${written.join('')}>`;
  return new Markup(VOID.has(name) ? start : `${start}${source(content)}</${name}>`);
}

function source(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Markup) return content.source;
  if (typeof content === 'object') return content.map(source).join('');
  return escaped(String(content));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it stands in HTML, inside elements and attributes; control characters become their pictures. */
export function escaped(text: string): string {
  return text
    .replace(/[&<>"']/g, character => ENTITIES[character]!)
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, character => picture(character.charCodeAt(0)));
}

function picture(code: number): string {
  return code === 0x7f ? '␡' : String.fromCharCode(0x2400 + code);
}
