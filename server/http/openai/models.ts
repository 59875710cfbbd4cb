/** OpenAI's model object. */
export type Model = { id: string; object: 'model'; created: number; owned_by: string }

export function modelObject(id: string, knownSince: Date): Model {
  return { id, object: 'model', created: Math.floor(knownSince.getTime() / 1000), owned_by: 'espalier' }
}

export function modelList(ids: readonly string[], knownSince: Date) {
  return { object: 'list' as const, data: ids.map((id) => modelObject(id, knownSince)) }
}
