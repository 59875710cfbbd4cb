import type { PlistDict } from '../plist/value.ts'

/** Members that only a message about one user of a Mac has (Apple: user channel). */
const OF_A_USER = ['UserID', 'UserShortName', 'EnrollmentUserID'] as const

/** Users are not managed here: nothing of theirs may stand for the device. */
export const isOfUser = (message: PlistDict): boolean => OF_A_USER.some((key) => message.has(key))
