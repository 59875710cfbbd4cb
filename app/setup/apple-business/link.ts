import type { Answers } from '../../api.ts'

export type AppleBusinessLink = Answers['appleBusiness']['listLinks'][number]
