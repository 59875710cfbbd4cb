'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Download, Lock } from 'lucide-react'
import { useState } from 'react'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailureNote } from '../components/states.tsx'
import { download } from '../setup/push-file.ts'
import { useSession } from '../use-session.ts'
import { Imported } from './imported.tsx'
import { ListForm } from './list-form.tsx'
import { ManyLinks } from './many-links.tsx'
import { Preview } from './preview.tsx'

/** A list in, looked at before anything happens, and then imported whole or not at all. */
export function ImportPage() {
  const session = useSession()
  const queries = useQueryClient()
  const [text, setText] = useState('')
  const preview = useMutation({ mutationFn: (list: string) => api.inventory.previewList.mutate({ text: list }) })
  const send = useMutation({
    mutationFn: (expected: number) => api.inventory.importList.mutate({ text, expected }),
    onSuccess: () => Promise.all([['macs'], ['setup'], ['overview']].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  })
  const mayInvite = session?.may.includes('invite Macs') ?? false
  const isDenied = session !== undefined && !session.may.includes('import the inventory')
  function change(list: string): void {
    setText(list)
    preview.reset()
    send.reset()
  }
  return (
    <div className="mx-auto max-w-3xl">
      <PageHeader
        title="Import Macs"
        parent={{ href: '/macs', title: 'Macs' }}
        note="Serial numbers of the company’s Macs. Only a Mac that stands in the inventory may enroll."
      >
        {!isDenied && session !== undefined && <ExportButton />}
      </PageHeader>
      {isDenied ? (
        <Card>
          <EmptyState icon={Lock} title="Your role may not import the inventory">
            Ask an owner or IT admin.
          </EmptyState>
        </Card>
      ) : send.data !== undefined ? (
        <Imported result={send.data} onAnother={() => change('')} />
      ) : (
        <div className="space-y-4">
          <Card>
            <CardHeader title="The list" />
            <ListForm text={text} onChange={change} isBusy={preview.isPending} onLook={() => preview.mutate(text)} />
            {preview.error !== null && (
              <div className="px-4 pb-4">
                <FailureNote error={preview.error} />
              </div>
            )}
          </Card>
          {preview.data !== undefined && (
            <Preview preview={preview.data} isBusy={send.isPending} error={send.error} onImport={() => send.mutate(preview.data.added)} />
          )}
          {preview.data !== undefined &&
            preview.data.faultCount === 0 &&
            preview.data.added === 0 &&
            preview.data.known > 0 &&
            mayInvite && <ManyLinks key={text} serials={preview.data.knownSerials} />}
        </div>
      )}
    </div>
  )
}

function ExportButton() {
  const take = useMutation({
    mutationFn: () => api.inventory.exportInventory.mutate(),
    onSuccess: ({ csv }) => download('inventory.csv', csv),
  })
  return (
    <>
      {take.error !== null && <FailureNote error={take.error} />}
      <Button isBusy={take.isPending} onClick={() => take.mutate()}>
        <Download aria-hidden className="size-4" />
        Export the inventory
      </Button>
    </>
  )
}
