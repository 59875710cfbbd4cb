import { newId } from '#protocol/ids'
import type { Db } from './client.ts'
import type { Prisma } from './generated/client.ts'

export type PolicyPreviewRow = {
  id: string
  by: string
  createdAt: Date
  updatedAt: Date
  state: 'running' | 'done' | 'failed'
  document: unknown
  moves: unknown
  baseVersion: number
  version: number | null
  done: number
  total: number
  impact: unknown
}

const asJson = (value: object): Prisma.InputJsonValue => JSON.parse(JSON.stringify(value))

export async function insertPolicyPreview(
  db: Db,
  preview: { by: string; at: Date; document: object; moves: readonly object[]; baseVersion: number; version: number | null; total: number },
): Promise<string> {
  const id = newId('pre')
  const { at, document, moves, ...rest } = preview
  const data = { ...rest, id, createdAt: at, updatedAt: at, state: 'running' as const, document: asJson(document), moves: asJson(moves) }
  await db.policyPreview.create({ data })
  return id
}

export async function findPolicyPreview(db: Db, id: string): Promise<PolicyPreviewRow | undefined> {
  return (await db.policyPreview.findUnique({ where: { id } })) ?? undefined
}

export async function notePreviewProgress(db: Db, id: string, progress: { done: number; at: Date }): Promise<void> {
  await db.policyPreview.updateMany({ where: { id, state: 'running' }, data: { done: progress.done, updatedAt: progress.at } })
}

export async function finishPreview(db: Db, id: string, end: { at: Date; done: number; impact: object }): Promise<void> {
  const data = { state: 'done' as const, updatedAt: end.at, done: end.done, impact: asJson(end.impact) }
  await db.policyPreview.updateMany({ where: { id, state: 'running' }, data })
}

export async function failPreview(db: Db, id: string, at: Date): Promise<void> {
  await db.policyPreview.updateMany({ where: { id, state: 'running' }, data: { state: 'failed', updatedAt: at } })
}

export async function forgetPreviews(db: Db, before: Date): Promise<void> {
  await db.policyPreview.deleteMany({ where: { createdAt: { lt: before } } })
}
