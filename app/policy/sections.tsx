import { Card, CardHeader } from '../components/card.tsx'

/** A policy in sentences. */
export function Sections({ sections }: { sections: readonly { title: string; sentences: readonly string[] }[] }) {
  return (
    <div className="grid items-start gap-4 md:grid-cols-2">
      {sections.map(({ title, sentences }) => (
        <Card key={title}>
          <CardHeader title={title} />
          <ul className="space-y-1.5 px-4 py-3">
            {sentences.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </Card>
      ))}
    </div>
  )
}
