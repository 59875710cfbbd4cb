import { Field, Input } from './field.tsx'

const MIN_CHARACTERS = 12

/** A password and its repetition; the server judges it, this only spares a way there. */
export function NewPasswordFields({ fault }: { fault: string | undefined }) {
  return (
    <>
      <Field label="New password" hint={`At least ${MIN_CHARACTERS} characters. A few words are easier to keep than signs.`}>
        <Input name="newPassword" type="password" required maxLength={1024} autoComplete="new-password" />
      </Field>
      <Field label="New password again" fault={fault}>
        <Input name="repeated" type="password" required maxLength={1024} autoComplete="new-password" aria-invalid={fault !== undefined} />
      </Field>
    </>
  )
}

export function readNewPassword(form: FormData): { password: string; fault: string | undefined } {
  const password = String(form.get('newPassword'))
  if ([...password].length < MIN_CHARACTERS) return { password, fault: `The password needs at least ${MIN_CHARACTERS} characters.` }
  return { password, fault: password === String(form.get('repeated')) ? undefined : 'The two are not the same.' }
}
