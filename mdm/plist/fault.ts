export type PlistFaultCode =
  | 'too_large'
  | 'too_deep'
  | 'not_utf8'
  | 'not_a_plist'
  | 'malformed'
  | 'doctype_refused'
  | 'entity_refused'
  | 'markup_refused'
  | 'attribute_refused'
  | 'unknown_element'
  | 'duplicate_key'
  | 'bad_character'
  | 'bad_integer'
  | 'bad_real'
  | 'bad_date'
  | 'bad_data'
  | 'trailing_content'
  | 'bad_offset'
  | 'cycle'

/** How the two readers leave off; `parsePlist` turns it into a result, so it never reaches a caller. */
export class PlistFault extends Error {
  readonly code: PlistFaultCode

  constructor(code: PlistFaultCode, detail: string) {
    super(detail)
    this.name = 'PlistFault'
    this.code = code
  }
}
