import type { Db, Store } from './client.ts'

/** A wish that was taken to be sent. `wishes` tells it from any that comes meanwhile. */
export type TakenWish = { enrollmentId: string; priority: number; wishes: number; failures: number }

/**
 * Wishes that a Mac be woken, at once or, where it was pushed within the window and has not come since, at the window's end. One
 * that waits already keeps its place, or takes the better of both.
 */
export async function addWish(db: Db, wish: { enrollmentId: string; priority: number; at: Date; windowMs: number }): Promise<void> {
  const { enrollmentId, priority, at, windowMs } = wish
  await db.$executeRaw`
    INSERT INTO "PushWish" AS w ("enrollmentId", "dueAt", priority) VALUES (${enrollmentId}, ${at}, ${priority})
    ON CONFLICT ("enrollmentId") DO UPDATE SET
      wishes = w.wishes + 1,
      priority = CASE WHEN w."dueAt" IS NULL THEN ${priority} ELSE LEAST(w.priority, ${priority}) END,
      "dueAt" = LEAST(w."dueAt", CASE
        WHEN w."pushedAt" IS NULL OR w."heardAt" >= w."pushedAt" THEN ${at}
        ELSE GREATEST(${at}, w."pushedAt" + ${windowMs} * INTERVAL '1 millisecond') END)`
}

/** The Mac came: nothing is wished of it any more, and it may be pushed again at once. */
export async function answerWish(db: Db, enrollmentId: string, at: Date): Promise<void> {
  await db.pushWish.updateMany({
    where: { enrollmentId },
    data: { dueAt: null, heardAt: at, pushes: 0, failures: 0, wishes: { increment: 1 } },
  })
}

/**
 * Takes wishes that are due, the most urgent first, so that nobody else takes them until `leaseMs` from now; they count as pushed
 * from this moment, so that not even a crash before the answer pushes a Mac twice within its window.
 */
export async function takeWishes(store: Store, take: { at: Date; leaseMs: number; limit: number }): Promise<TakenWish[]> {
  const { at, leaseMs, limit } = take
  const until = new Date(at.getTime() + leaseMs)
  const taken = await store.$queryRaw<TakenWish[]>`
    UPDATE "PushWish" SET "leasedUntil" = ${until}, "pushedAt" = ${at}
    WHERE "enrollmentId" IN (
      SELECT "enrollmentId" FROM "PushWish"
      WHERE "dueAt" <= ${at} AND ("leasedUntil" IS NULL OR "leasedUntil" <= ${at})
      ORDER BY priority, "dueAt" LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING "enrollmentId", priority, wishes, failures`
  return taken.toSorted((a, b) => a.priority - b.priority)
}

/** Apple accepted it. A wish that came meanwhile waits for the window's end. */
export async function settleWish(db: Db, wish: TakenWish, next: { again: Date }): Promise<void> {
  await db.$executeRaw`
    UPDATE "PushWish" SET "leasedUntil" = NULL, failures = 0, pushes = pushes + 1, "lastFault" = NULL,
      "dueAt" = CASE WHEN wishes = ${wish.wishes} THEN NULL WHEN "heardAt" >= "pushedAt" THEN "dueAt"
        WHEN "dueAt" IS NULL THEN NULL ELSE ${next.again}::timestamptz END
    WHERE "enrollmentId" = ${wish.enrollmentId}`
}

/** Apple refuses pushes to this one Mac: the wish is over, and the reason kept. */
export async function refuseWish(db: Db, wish: TakenWish, fault: string): Promise<void> {
  await db.$executeRaw`
    UPDATE "PushWish" SET "leasedUntil" = NULL, failures = 0, "lastFault" = ${fault},
      "dueAt" = CASE WHEN wishes = ${wish.wishes} THEN NULL ELSE "dueAt" END
    WHERE "enrollmentId" = ${wish.enrollmentId}`
}

/** Not now: it is due again later. What certainly did not go out does not count as pushed. */
export async function putOffWish(db: Db, wish: TakenWish, next: { dueAt: Date; fault: string; isPushed: boolean }): Promise<void> {
  await db.$executeRaw`
    UPDATE "PushWish" SET "leasedUntil" = NULL, failures = failures + 1,
      "pushedAt" = CASE WHEN ${next.isPushed}::boolean THEN "pushedAt" END, "lastFault" = ${next.fault},
      "dueAt" = CASE WHEN "dueAt" IS NULL THEN NULL ELSE ${next.dueAt}::timestamptz END
    WHERE "enrollmentId" = ${wish.enrollmentId}`
}

/** Gives wishes back as they were: they were never tried. */
export async function returnWishes(db: Db, enrollmentIds: readonly string[]): Promise<void> {
  await db.pushWish.updateMany({ where: { enrollmentId: { in: [...enrollmentIds] } }, data: { leasedUntil: null, pushedAt: null } })
}

/** The Mac cannot be pushed to at all. */
export async function dropWish(db: Db, wish: TakenWish): Promise<void> {
  await db.pushWish.deleteMany({ where: { enrollmentId: wish.enrollmentId, wishes: wish.wishes } })
  await db.pushWish.updateMany({ where: { enrollmentId: wish.enrollmentId }, data: { leasedUntil: null, pushedAt: null } })
}

/** When the next wish can be taken; undefined: there is none. */
export async function findNextDue(db: Db): Promise<Date | undefined> {
  const [row] = await db.$queryRaw<{ due: Date | null }[]>`
    SELECT min(GREATEST("dueAt", COALESCE("leasedUntil", "dueAt"))) AS due FROM "PushWish" WHERE "dueAt" IS NOT NULL`
  return row?.due ?? undefined
}

export async function countWishes(db: Db, at: Date): Promise<number> {
  return db.pushWish.count({ where: { dueAt: { lte: at } } })
}

export type Reminder = {
  at: Date
  priority: number
  /** They come back spread over so long. */
  spreadMs: number
  /** A command is this old, and the Mac silent for as long, before it is reminded of it. */
  afterMs: number
  /** Between two reminders: twice as long each time, up to `mostMs`. */
  firstMs: number
  mostMs: number
}

/**
 * Wishes for every Mac that has commands waiting and has not come for them although it was told, or for which the wish was lost.
 * Returns for how many. A command that the Mac put off itself (NotNow) counts only after `mostMs`: such a Mac comes by itself.
 */
export async function remindMacs(store: Store, reminder: Reminder): Promise<number> {
  const { at, priority, spreadMs, afterMs, firstMs, mostMs } = reminder
  const since = new Date(at.getTime() - afterMs)
  const longSince = new Date(at.getTime() - mostMs)
  return store.$executeRaw`
    INSERT INTO "PushWish" AS w ("enrollmentId", "dueAt", priority)
    SELECT e.id, ${at}::timestamptz + random() * ${spreadMs} * INTERVAL '1 millisecond', ${priority}
    FROM "Enrollment" e LEFT JOIN "PushWish" p ON p."enrollmentId" = e.id
    WHERE e.state = 'enrolled' AND e."pushToken" IS NOT NULL AND e."unreachableAt" IS NULL
      AND p."dueAt" IS NULL
      AND (e."lastSeenAt" IS NULL OR e."lastSeenAt" < ${since})
      AND (p."pushedAt" IS NULL
        OR p."pushedAt" < ${at}::timestamptz - LEAST(${firstMs} * power(2, LEAST(p.pushes, 16)), ${mostMs}) * INTERVAL '1 millisecond')
      AND EXISTS (SELECT 1 FROM "MdmCommand" c WHERE c."enrollmentId" = e.id AND c."expiresAt" > ${at}
        AND (c.state IN ('queued', 'sent') AND c."createdAt" < ${since} OR c.state = 'not_now' AND e."lastSeenAt" < ${longSince}))
    ON CONFLICT ("enrollmentId") DO UPDATE SET "dueAt" = EXCLUDED."dueAt", priority = EXCLUDED.priority, wishes = w.wishes + 1
      WHERE w."dueAt" IS NULL`
}

/** Macs to which Apple refuses pushes, by its reason. */
export async function countRefused(db: Db): Promise<{ fault: string; macs: number }[]> {
  return db.$queryRaw`
    SELECT p."lastFault" AS fault, count(*)::int AS macs FROM "PushWish" p JOIN "Enrollment" e ON e.id = p."enrollmentId"
    WHERE p."lastFault" IS NOT NULL AND p."dueAt" IS NULL AND e.state = 'enrolled' AND e."unreachableAt" IS NULL
    GROUP BY 1 ORDER BY 2 DESC LIMIT 10`
}

export async function countUnreachable(db: Db): Promise<number> {
  return db.enrollment.count({ where: { state: 'enrolled', unreachableAt: { not: null } } })
}
