import type { Target } from './target.ts'
import { acmeJws } from './targets/acme.ts'
import { cbor } from './targets/cbor.ts'
import { cmsDetached, cmsMachineInfo, cmsServerToken } from './targets/cms.ts'
import { ddm } from './targets/ddm.ts'
import { attestationChain, derCertificate, derValues } from './targets/der.ts'
import { inspected, pushFiles, vendorFiles } from './targets/files.ts'
import { framesControl, framesData } from './targets/frames.ts'
import { mdmMessages } from './targets/messages.ts'
import { plistBinary, plistXml } from './targets/plist.ts'
import { replies } from './targets/replies.ts'
import { scep } from './targets/scep.ts'
import { preimages, publishedKeys, signedWords } from './targets/statements.ts'

/** Every parser that reads bytes from outside, with the laws that it is held to. */
export const TARGETS: readonly Target[] = [
  plistXml,
  plistBinary,
  cmsDetached,
  cmsMachineInfo,
  cmsServerToken,
  scep,
  cbor,
  derCertificate,
  derValues,
  attestationChain,
  publishedKeys,
  acmeJws,
  framesControl,
  framesData,
  signedWords,
  preimages,
  mdmMessages,
  replies,
  ddm,
  pushFiles,
  vendorFiles,
  inspected,
]
