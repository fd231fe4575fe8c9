/** What we publish of ourselves: PIDF (RFC 3863) with the activity of RPID (RFC 4480). */
import { escapeXml } from './xml.ts';

export const PIDF_TYPE = 'application/pidf+xml';

export function formatPresence(entity: string, busy: boolean): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${escapeXml(entity)}">`,
    '<tuple id="hailpoint"><status><basic>open</basic></status></tuple>',
    ...(busy
      ? ['<dm:person id="hailpoint-1"><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>']
      : []),
    '</presence>',
    '',
  ].join('\r\n');
}
