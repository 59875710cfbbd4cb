import { newId } from '#protocol/ids'
import { type Actor, AuditEvent } from '../audit/events.ts'
import type { Db } from './client.ts'

/** Appends one event; call it with the transaction of the change that it records. */
export async function appendAudit(db: Db, event: AuditEvent, context: { actor: Actor; at: Date }): Promise<void> {
  const { type, subject, detail } = AuditEvent.parse(event)
  await db.auditEvent.create({ data: { id: newId('aud'), at: context.at, actor: context.actor, type, subject, detail } })
}
