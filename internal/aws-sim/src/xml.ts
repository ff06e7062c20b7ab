/** A value as an XML element's content: text, elements by name, or a list of elements of that name. */
export type XmlValue = string | number | boolean | XmlElements | readonly XmlElements[];
export interface XmlElements {
  readonly [name: string]: XmlValue | undefined;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function element(name: string, value: XmlValue): string {
  if (Array.isArray(value)) return (value as readonly XmlElements[]).map((member) => element(name, member)).join('');
  const content = typeof value === 'object' ? elements(value as XmlElements) : escapeXml(String(value));
  return `<${name}>${content}</${name}>`;
}

function elements(values: XmlElements): string {
  return Object.entries(values)
    .map(([name, value]) => (value === undefined ? '' : element(name, value)))
    .join('');
}

export function xmlDocument(root: string, values: XmlElements): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${elements(values)}</${root}>`;
}

function unescapeXml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

/** The contents of every element of a name, in order: enough for the bodies that S3 clients send. */
export function xmlTexts(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, 'g'))].map((match) => unescapeXml(match[1]!));
}
