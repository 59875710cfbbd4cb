import { AppError } from '../errors.ts'
import { type AppleBusinessLinkRow, countDevices, findLink, listDevices, listLinks, updateLink } from '../store/apple-business.ts'
import { appendAudit } from '../store/audit.ts'
import type { AppleBusinessDeps } from './deps.ts'
import { createLink, describeFault, installServerToken, removeAppleBusinessLink } from './links.ts'
import { syncLink } from './sync.ts'
import type { AppleBusiness, AppleBusinessLinkView } from './views.ts'

export function createAppleBusiness(deps: AppleBusinessDeps): AppleBusiness {
  const require = async (id: string): Promise<AppleBusinessLinkRow> => {
    const link = await findLink(deps.store, id)
    if (link === undefined) throw new AppError('not_found', { public: 'There is no such link to Apple Business.' })
    return link
  }
  return {
    listLinks: async () => Promise.all((await listLinks(deps.store)).map((link) => view(deps, link))),
    createLink: (by) => createLink(deps, by),
    installToken: async (upload) => {
      const installed = await installServerToken(deps, upload)
      await syncLink(deps, await require(upload.link))
      return installed
    },
    setAssignsNewMacs: async (id, assignsNewMacs, by) => {
      const { id: link } = await require(id)
      await deps.store.$transaction(async (tx) => {
        await updateLink(tx, link, { assignsNewMacs })
        const detail = { assignsNewMacs }
        await appendAudit(tx, { type: 'apple-business.assigning-changed', subject: link, detail }, { actor: by, at: deps.clock.now() })
      })
    },
    syncNow: async (id) => syncLink(deps, await require(id)),
    removeLink: (which) => removeAppleBusinessLink(deps, which),
    listDevices: async (id, page) => {
      const rows = await listDevices(deps.store, id, { ...page, limit: page.limit + 1 })
      const devices = rows.slice(0, page.limit)
      return { devices, next: rows.length > page.limit ? (devices.at(-1)?.serial ?? null) : null }
    },
  }
}

async function view(deps: AppleBusinessDeps, link: AppleBusinessLinkRow): Promise<AppleBusinessLinkView> {
  const { id, createdAt, certificate, serverName, organization, tokenExpiresAt, fault, syncedAt, assignsNewMacs } = link
  const hasToken = serverName !== null && tokenExpiresAt !== null
  return {
    ...{ id, createdAt, certificate, syncedAt, assignsNewMacs },
    server: hasToken ? { name: serverName, organization, tokenExpiresAt, isTokenExpired: tokenExpiresAt <= deps.clock.now() } : null,
    state: !hasToken ? 'waiting' : fault !== null ? 'failing' : link.isFetching ? 'reading' : 'current',
    fault: fault === null ? null : { code: fault, sentence: describeFault(fault) },
    ...(await countDevices(deps.store, id, link.profileUuid)),
  }
}
