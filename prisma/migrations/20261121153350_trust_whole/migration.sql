-- CreateEnum
CREATE TYPE "InvitationPurpose" AS ENUM ('join', 'reset');

-- CreateEnum
CREATE TYPE "ReleaseRing" AS ENUM ('canary', 'early', 'all');

-- CreateEnum
CREATE TYPE "EnrollmentKind" AS ENUM ('profile', 'automated', 'external');

-- CreateEnum
CREATE TYPE "IdentityKind" AS ENUM ('acme', 'scep');

-- CreateEnum
CREATE TYPE "AcmePurpose" AS ENUM ('enrollment', 'renewal', 'reattestation', 'external');

-- CreateEnum
CREATE TYPE "KeyBindingLevel" AS ENUM ('ticket', 'mdm_signed', 'apple');

-- CreateEnum
CREATE TYPE "PolicyState" AS ENUM ('proposed', 'in_force', 'superseded', 'rejected', 'withdrawn', 'expired');

-- CreateEnum
CREATE TYPE "PolicyPreviewState" AS ENUM ('running', 'done', 'failed');

-- CreateEnum
CREATE TYPE "AlertSeverity" AS ENUM ('info', 'warning', 'critical');

-- CreateEnum
CREATE TYPE "ReattestationState" AS ENUM ('wanted', 'asked');

-- CreateEnum
CREATE TYPE "ReleaseState" AS ENUM ('draft', 'rolling', 'paused', 'complete', 'withdrawn');

-- AlterEnum
-- This migration adds more than one value to an enum.
-- With PostgreSQL versions 11 and earlier, this is not possible
-- in a single migration. This can be worked around by creating
-- multiple migrations, each migration adding only one value to
-- the enum.


ALTER TYPE "AttestationSource" ADD VALUE 'acme_reattestation';
ALTER TYPE "AttestationSource" ADD VALUE 'platform_sso';


-- AlterTable
ALTER TABLE "Session" ADD COLUMN     "steppedUpAt" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "Mac" ADD COLUMN     "isAppleSilicon" BOOLEAN,
ADD COLUMN     "pool" TEXT,
ADD COLUMN     "releasedAt" TIMESTAMPTZ(3),
ADD COLUMN     "ring" "ReleaseRing" NOT NULL DEFAULT 'all';

-- AlterTable
ALTER TABLE "Enrollment" ADD COLUMN     "awaitingConfiguration" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "identityKind" "IdentityKind" NOT NULL DEFAULT 'acme',
ADD COLUMN     "kind" "EnrollmentKind" NOT NULL DEFAULT 'profile',
ADD COLUMN     "renewalAskedAt" TIMESTAMPTZ(3),
ADD COLUMN     "renewalAttempts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "renewalGivenUpAt" TIMESTAMPTZ(3),
ADD COLUMN     "unreachableAt" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "AcmeOrder" ADD COLUMN     "identitySha256" BYTEA,
ADD COLUMN     "purpose" "AcmePurpose" NOT NULL DEFAULT 'enrollment';

-- AlterTable
ALTER TABLE "Attestation" ADD COLUMN     "leafSha256" BYTEA,
ADD COLUMN     "token" TEXT;

-- AlterTable
ALTER TABLE "AttestationNonce" ADD COLUMN     "source" "AttestationSource" NOT NULL DEFAULT 'device_information';

-- AlterTable
ALTER TABLE "AgentKey" ADD COLUMN     "chain" BYTEA[],
ADD COLUMN     "clientData" BYTEA,
ADD COLUMN     "evidenceDigest" BYTEA,
ADD COLUMN     "level" "KeyBindingLevel" NOT NULL DEFAULT 'ticket',
ADD COLUMN     "signatureDigest" BYTEA,
ALTER COLUMN "ticketId" DROP NOT NULL;

-- AlterTable
ALTER TABLE "Verdict" ADD COLUMN     "waived" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- CreateTable
CREATE TABLE "UserInvitation" (
    "id" TEXT NOT NULL,
    "purpose" "InvitationPurpose" NOT NULL,
    "tokenHash" BYTEA NOT NULL,
    "email" TEXT NOT NULL,
    "role" "Role" NOT NULL,
    "userId" TEXT,
    "invitedById" TEXT,
    "removesSecondFactor" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "usedAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "UserInvitation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SecondFactor" (
    "userId" TEXT NOT NULL,
    "envelope" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "confirmedAt" TIMESTAMPTZ(3),
    "lastStep" INTEGER,

    CONSTRAINT "SecondFactor_pkey" PRIMARY KEY ("userId")
);

-- CreateTable
CREATE TABLE "RecoveryCode" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "usedAt" TIMESTAMPTZ(3),

    CONSTRAINT "RecoveryCode_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SecondFactorRule" (
    "role" "Role" NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "SecondFactorRule_pkey" PRIMARY KEY ("role")
);

-- CreateTable
CREATE TABLE "ClientIdentifier" (
    "hash" BYTEA NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "protocol" "IdentityKind" NOT NULL,
    "purpose" "AcmePurpose" NOT NULL,
    "token" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "usedAt" TIMESTAMPTZ(3),

    CONSTRAINT "ClientIdentifier_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "MdmIdentity" (
    "sha256" BYTEA NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "kind" "IdentityKind" NOT NULL,
    "notBefore" TIMESTAMPTZ(3) NOT NULL,
    "notAfter" TIMESTAMPTZ(3) NOT NULL,
    "issuedAt" TIMESTAMPTZ(3) NOT NULL,
    "supersededAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),
    "revocationReason" TEXT,

    CONSTRAINT "MdmIdentity_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "PolicyVersion" (
    "version" INTEGER NOT NULL,
    "document" JSONB NOT NULL,
    "digest" BYTEA NOT NULL,
    "state" "PolicyState" NOT NULL,
    "inForceSlot" INTEGER,
    "baseVersion" INTEGER,
    "proposedBy" TEXT NOT NULL,
    "proposedAt" TIMESTAMPTZ(3) NOT NULL,
    "reason" TEXT NOT NULL,
    "lowersTrust" BOOLEAN NOT NULL,
    "changes" JSONB NOT NULL,
    "moves" JSONB NOT NULL,
    "grants" TEXT[],
    "impactAtProposal" JSONB,
    "impactAtApproval" JSONB,
    "expiresAt" TIMESTAMPTZ(3),
    "decidedBy" TEXT,
    "decidedAt" TIMESTAMPTZ(3),
    "decisionReason" TEXT,
    "notBefore" TIMESTAMPTZ(3),
    "inForceAt" TIMESTAMPTZ(3),
    "supersededAt" TIMESTAMPTZ(3),

    CONSTRAINT "PolicyVersion_pkey" PRIMARY KEY ("version")
);

-- CreateTable
CREATE TABLE "PolicyPreview" (
    "id" TEXT NOT NULL,
    "by" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "state" "PolicyPreviewState" NOT NULL,
    "document" JSONB NOT NULL,
    "moves" JSONB NOT NULL,
    "baseVersion" INTEGER NOT NULL,
    "version" INTEGER,
    "done" INTEGER NOT NULL DEFAULT 0,
    "total" INTEGER NOT NULL DEFAULT 0,
    "impact" JSONB,

    CONSTRAINT "PolicyPreview_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Alert" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "openKey" TEXT,
    "severity" "AlertSeverity" NOT NULL,
    "stage" INTEGER NOT NULL DEFAULT 0,
    "sentence" TEXT NOT NULL,
    "remedy" TEXT NOT NULL,
    "raisedAt" TIMESTAMPTZ(3) NOT NULL,
    "clearedAt" TIMESTAMPTZ(3),
    "acknowledgedAt" TIMESTAMPTZ(3),
    "acknowledgedBy" TEXT,

    CONSTRAINT "Alert_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PushRequest" (
    "id" TEXT NOT NULL,
    "csr" BYTEA NOT NULL,
    "organization" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "createdBy" TEXT NOT NULL,
    "vendor" TEXT,
    "sentAt" TIMESTAMPTZ(3),
    "signedRequest" TEXT,
    "signedAt" TIMESTAMPTZ(3),

    CONSTRAINT "PushRequest_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PushWish" (
    "enrollmentId" TEXT NOT NULL,
    "dueAt" TIMESTAMPTZ(3),
    "priority" INTEGER NOT NULL DEFAULT 1,
    "wishes" INTEGER NOT NULL DEFAULT 1,
    "leasedUntil" TIMESTAMPTZ(3),
    "pushedAt" TIMESTAMPTZ(3),
    "heardAt" TIMESTAMPTZ(3),
    "pushes" INTEGER NOT NULL DEFAULT 0,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "lastFault" TEXT,

    CONSTRAINT "PushWish_pkey" PRIMARY KEY ("enrollmentId")
);

-- CreateTable
CREATE TABLE "ProofOfLife" (
    "macId" TEXT NOT NULL,
    "keySha256" BYTEA NOT NULL,
    "bootSession" TEXT NOT NULL,
    "continuousSince" TIMESTAMPTZ(3) NOT NULL,
    "interruptions" JSONB NOT NULL,
    "seenAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ProofOfLife_pkey" PRIMARY KEY ("macId")
);

-- CreateTable
CREATE TABLE "Reattestation" (
    "enrollmentId" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "cause" TEXT NOT NULL,
    "priority" INTEGER NOT NULL,
    "agentKey" BYTEA NOT NULL,
    "state" "ReattestationState" NOT NULL DEFAULT 'wanted',
    "dueAt" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "expiresAt" TIMESTAMPTZ(3),
    "token" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Reattestation_pkey" PRIMARY KEY ("enrollmentId")
);

-- CreateTable
CREATE TABLE "KeyPublication" (
    "nonce" BYTEA NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "issuedAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "usedAt" TIMESTAMPTZ(3),

    CONSTRAINT "KeyPublication_pkey" PRIMARY KEY ("nonce")
);

-- CreateTable
CREATE TABLE "RevocationList" (
    "number" INTEGER NOT NULL,
    "list" BYTEA NOT NULL,
    "signature" BYTEA NOT NULL,
    "issuedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "RevocationList_pkey" PRIMARY KEY ("number")
);

-- CreateTable
CREATE TABLE "AppleBusinessLink" (
    "id" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "certificate" TEXT NOT NULL,
    "keyEnvelope" BYTEA NOT NULL,
    "tokenEnvelope" BYTEA,
    "tokenExpiresAt" TIMESTAMPTZ(3),
    "serverName" TEXT,
    "serverUuid" TEXT,
    "organization" TEXT,
    "cursor" TEXT,
    "isFetching" BOOLEAN NOT NULL DEFAULT true,
    "fetchStartedAt" TIMESTAMPTZ(3),
    "syncedAt" TIMESTAMPTZ(3),
    "fault" TEXT,
    "profileUuid" TEXT,
    "profileDigest" TEXT,
    "assignsNewMacs" BOOLEAN NOT NULL DEFAULT true,
    "removedAt" TIMESTAMPTZ(3),

    CONSTRAINT "AppleBusinessLink_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AppleBusinessDevice" (
    "serial" TEXT NOT NULL,
    "linkId" TEXT NOT NULL,
    "model" TEXT,
    "description" TEXT,
    "assetTag" TEXT,
    "profileStatus" TEXT,
    "profileUuid" TEXT,
    "assignOutcome" TEXT,
    "assignedAt" TIMESTAMPTZ(3),
    "firstSeenAt" TIMESTAMPTZ(3) NOT NULL,
    "seenAt" TIMESTAMPTZ(3) NOT NULL,
    "migrationDeadline" TIMESTAMPTZ(3),
    "removedAt" TIMESTAMPTZ(3),

    CONSTRAINT "AppleBusinessDevice_pkey" PRIMARY KEY ("serial")
);

-- CreateTable
CREATE TABLE "BootstrapToken" (
    "enrollmentId" TEXT NOT NULL,
    "envelope" BYTEA NOT NULL,
    "keptAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "BootstrapToken_pkey" PRIMARY KEY ("enrollmentId")
);

-- CreateTable
CREATE TABLE "DeclarativeState" (
    "enrollmentId" TEXT NOT NULL,
    "token" TEXT,
    "changedAt" TIMESTAMPTZ(3),
    "toldToken" TEXT,
    "toldAt" TIMESTAMPTZ(3),
    "fetchedToken" TEXT,
    "fetchedAt" TIMESTAMPTZ(3),
    "status" JSONB,
    "statusDigest" BYTEA,
    "statusAt" TIMESTAMPTZ(3),

    CONSTRAINT "DeclarativeState_pkey" PRIMARY KEY ("enrollmentId")
);

-- CreateTable
CREATE TABLE "LockPin" (
    "id" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "envelope" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "LockPin_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AgentRelease" (
    "id" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "codeHash" TEXT NOT NULL,
    "teamId" TEXT,
    "bundleIdentifier" TEXT NOT NULL,
    "packageUrl" TEXT NOT NULL,
    "packageSha256" TEXT NOT NULL,
    "packageBytes" INTEGER NOT NULL,
    "notes" TEXT NOT NULL,
    "state" "ReleaseState" NOT NULL DEFAULT 'draft',
    "ring" "ReleaseRing" NOT NULL DEFAULT 'canary',
    "ringSince" TIMESTAMPTZ(3),
    "baselineShare" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "because" TEXT,
    "createdBy" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "startedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "AgentRelease_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ServerTrustAnchor" (
    "sha256" BYTEA NOT NULL,
    "certificate" BYTEA NOT NULL,
    "addedAt" TIMESTAMPTZ(3) NOT NULL,
    "addedBy" TEXT NOT NULL,

    CONSTRAINT "ServerTrustAnchor_pkey" PRIMARY KEY ("sha256")
);

-- CreateIndex
CREATE UNIQUE INDEX "UserInvitation_tokenHash_key" ON "UserInvitation"("tokenHash");

-- CreateIndex
CREATE INDEX "UserInvitation_email_idx" ON "UserInvitation"("email");

-- CreateIndex
CREATE UNIQUE INDEX "RecoveryCode_userId_hash_key" ON "RecoveryCode"("userId", "hash");

-- CreateIndex
CREATE INDEX "ClientIdentifier_enrollmentId_purpose_idx" ON "ClientIdentifier"("enrollmentId", "purpose");

-- CreateIndex
CREATE INDEX "MdmIdentity_enrollmentId_idx" ON "MdmIdentity"("enrollmentId");

-- CreateIndex
CREATE UNIQUE INDEX "PolicyVersion_inForceSlot_key" ON "PolicyVersion"("inForceSlot");

-- CreateIndex
CREATE INDEX "PolicyVersion_state_idx" ON "PolicyVersion"("state");

-- CreateIndex
CREATE INDEX "PolicyPreview_createdAt_idx" ON "PolicyPreview"("createdAt");

-- CreateIndex
CREATE UNIQUE INDEX "Alert_openKey_key" ON "Alert"("openKey");

-- CreateIndex
CREATE INDEX "Alert_raisedAt_idx" ON "Alert"("raisedAt");

-- CreateIndex
CREATE INDEX "PushWish_priority_dueAt_idx" ON "PushWish"("priority", "dueAt");

-- CreateIndex
CREATE UNIQUE INDEX "Reattestation_token_key" ON "Reattestation"("token");

-- CreateIndex
CREATE INDEX "Reattestation_state_priority_dueAt_idx" ON "Reattestation"("state", "priority", "dueAt");

-- CreateIndex
CREATE INDEX "KeyPublication_enrollmentId_issuedAt_idx" ON "KeyPublication"("enrollmentId", "issuedAt");

-- CreateIndex
CREATE INDEX "AppleBusinessDevice_linkId_removedAt_idx" ON "AppleBusinessDevice"("linkId", "removedAt");

-- CreateIndex
CREATE INDEX "LockPin_macId_createdAt_idx" ON "LockPin"("macId", "createdAt");

-- CreateIndex
CREATE UNIQUE INDEX "AgentRelease_version_codeHash_key" ON "AgentRelease"("version", "codeHash");

-- CreateIndex
CREATE INDEX "AcmeOrder_accountId_idx" ON "AcmeOrder"("accountId");

-- CreateIndex
CREATE INDEX "AcmeOrder_identitySha256_idx" ON "AcmeOrder"("identitySha256");

-- CreateIndex
CREATE INDEX "Attestation_enrollmentId_source_receivedAt_idx" ON "Attestation"("enrollmentId", "source", "receivedAt");

-- CreateIndex
CREATE INDEX "Attestation_leafSha256_idx" ON "Attestation"("leafSha256");

-- CreateIndex
CREATE INDEX "AttestationNonce_enrollmentId_source_issuedAt_idx" ON "AttestationNonce"("enrollmentId", "source", "issuedAt");

-- AddForeignKey
ALTER TABLE "SecondFactor" ADD CONSTRAINT "SecondFactor_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RecoveryCode" ADD CONSTRAINT "RecoveryCode_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ClientIdentifier" ADD CONSTRAINT "ClientIdentifier_enrollmentId_fkey" FOREIGN KEY ("enrollmentId") REFERENCES "Enrollment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MdmIdentity" ADD CONSTRAINT "MdmIdentity_enrollmentId_fkey" FOREIGN KEY ("enrollmentId") REFERENCES "Enrollment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AppleBusinessDevice" ADD CONSTRAINT "AppleBusinessDevice_linkId_fkey" FOREIGN KEY ("linkId") REFERENCES "AppleBusinessLink"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "BootstrapToken" ADD CONSTRAINT "BootstrapToken_enrollmentId_fkey" FOREIGN KEY ("enrollmentId") REFERENCES "Enrollment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DeclarativeState" ADD CONSTRAINT "DeclarativeState_enrollmentId_fkey" FOREIGN KEY ("enrollmentId") REFERENCES "Enrollment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What stood in the dropped columns, and what is now kept beside what it is about, is carried forward.
INSERT INTO "ClientIdentifier" ("hash", "enrollmentId", "protocol", "purpose", "createdAt", "expiresAt", "usedAt")
SELECT "clientIdentifierHash", "id", 'acme', 'enrollment', "createdAt",
       COALESCE("clientIdentifierExpiresAt", "createdAt"), "clientIdentifierUsedAt"
FROM "Enrollment" WHERE "clientIdentifierHash" IS NOT NULL;

-- The identities issued so far lived 180 days from an hour before their order was made (mdm/acme/issue-identity.ts).
INSERT INTO "MdmIdentity" ("sha256", "enrollmentId", "kind", "notBefore", "notAfter", "issuedAt")
SELECT e."identitySha256", e."id", 'acme', o.at - interval '1 hour', o.at - interval '1 hour' + interval '180 days', o.at
FROM "Enrollment" e
JOIN LATERAL (SELECT "createdAt" AS at FROM "AcmeOrder"
  WHERE "enrollmentId" = e."id" AND "status" = 'valid' ORDER BY "createdAt" DESC LIMIT 1) o ON TRUE
WHERE e."identitySha256" IS NOT NULL;

UPDATE "AcmeOrder" o SET "identitySha256" = e."identitySha256"
FROM "Enrollment" e
WHERE o."enrollmentId" = e."id" AND o."status" = 'valid' AND e."identitySha256" IS NOT NULL;

UPDATE "Attestation" a SET "token" = o."token"
FROM "AcmeOrder" o
WHERE a."source" = 'acme' AND o."enrollmentId" = a."enrollmentId" AND o."evidenceDigest" = a."evidenceDigest";

UPDATE "Attestation" SET "leafSha256" = sha256("chain"[1]) WHERE cardinality("chain") > 0;

DROP INDEX "Enrollment_clientIdentifierHash_key";
ALTER TABLE "Enrollment" DROP COLUMN "clientIdentifierExpiresAt", DROP COLUMN "clientIdentifierHash", DROP COLUMN "clientIdentifierUsedAt";
