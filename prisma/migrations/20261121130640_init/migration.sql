-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "Role" AS ENUM ('owner', 'it_admin', 'security', 'operator', 'auditor', 'viewer');

-- CreateEnum
CREATE TYPE "EnrollmentState" AS ENUM ('invited', 'profile_issued', 'acme_attested', 'authenticated', 'enrolled', 'unenrolled', 'superseded');

-- CreateEnum
CREATE TYPE "MdmCommandState" AS ENUM ('queued', 'sent', 'not_now', 'acknowledged', 'failed', 'expired', 'cancelled');

-- CreateEnum
CREATE TYPE "AcmeOrderStatus" AS ENUM ('pending', 'ready', 'processing', 'valid', 'invalid');

-- CreateEnum
CREATE TYPE "AttestationSource" AS ENUM ('acme', 'device_information');

-- CreateEnum
CREATE TYPE "RequestOutcome" AS ENUM ('completed', 'cancelled', 'failed', 'interrupted');

-- CreateTable
CREATE TABLE "WrappedKey" (
    "name" TEXT NOT NULL,
    "envelope" BYTEA NOT NULL,
    "public" BYTEA,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "WrappedKey_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "User" (
    "id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" "Role" NOT NULL,
    "passwordHash" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "disabledAt" TIMESTAMPTZ(3),

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Session" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "lastSeenAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),
    "ip" TEXT NOT NULL,
    "userAgent" TEXT NOT NULL,

    CONSTRAINT "Session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ApiKey" (
    "id" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "prefix" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "scopes" TEXT[],
    "userId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3),
    "lastUsedAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "ApiKey_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AuditEvent" (
    "id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "detail" JSONB NOT NULL,

    CONSTRAINT "AuditEvent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Mac" (
    "id" TEXT NOT NULL,
    "serial" TEXT NOT NULL,
    "name" TEXT,
    "model" TEXT,
    "osVersion" TEXT,
    "isSoftware" BOOLEAN NOT NULL DEFAULT false,
    "addedAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),
    "quarantinedAt" TIMESTAMPTZ(3),
    "quarantineReason" TEXT,

    CONSTRAINT "Mac_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Enrollment" (
    "id" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "state" "EnrollmentState" NOT NULL,
    "linkHash" BYTEA NOT NULL,
    "linkExpiresAt" TIMESTAMPTZ(3) NOT NULL,
    "clientIdentifierHash" BYTEA,
    "clientIdentifierExpiresAt" TIMESTAMPTZ(3),
    "clientIdentifierUsedAt" TIMESTAMPTZ(3),
    "accessRights" INTEGER NOT NULL DEFAULT 0,
    "identitySha256" BYTEA,
    "udid" TEXT,
    "provisioningUdid" TEXT,
    "topic" TEXT,
    "pushToken" BYTEA,
    "pushMagic" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "enrolledAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),
    "lastSeenAt" TIMESTAMPTZ(3),

    CONSTRAINT "Enrollment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MdmCommand" (
    "id" TEXT NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "requestType" TEXT NOT NULL,
    "payload" BYTEA NOT NULL,
    "state" "MdmCommandState" NOT NULL,
    "dedupeKey" TEXT,
    "sequence" BIGSERIAL NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "sentAt" TIMESTAMPTZ(3),
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "settledAt" TIMESTAMPTZ(3),
    "replyDigest" BYTEA,
    "error" JSONB,

    CONSTRAINT "MdmCommand_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AcmeNonce" (
    "nonce" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "AcmeNonce_pkey" PRIMARY KEY ("nonce")
);

-- CreateTable
CREATE TABLE "AcmeAccount" (
    "id" TEXT NOT NULL,
    "thumbprint" TEXT NOT NULL,
    "jwk" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "AcmeAccount_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AcmeOrder" (
    "id" TEXT NOT NULL,
    "accountId" TEXT NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "identifier" TEXT NOT NULL,
    "status" "AcmeOrderStatus" NOT NULL,
    "token" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "attestedSpki" BYTEA,
    "evidenceDigest" BYTEA,
    "problem" JSONB,
    "certificate" TEXT,

    CONSTRAINT "AcmeOrder_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Evidence" (
    "digest" BYTEA NOT NULL,
    "kind" TEXT NOT NULL,
    "raw" BYTEA NOT NULL,
    "receivedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Evidence_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "Attestation" (
    "id" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "source" "AttestationSource" NOT NULL,
    "evidenceDigest" BYTEA NOT NULL,
    "chain" BYTEA[],
    "bootSession" TEXT,
    "receivedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Attestation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AttestationNonce" (
    "nonce" BYTEA NOT NULL,
    "macId" TEXT NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "preimage" BYTEA NOT NULL,
    "agentKey" BYTEA NOT NULL,
    "issuedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "AttestationNonce_pkey" PRIMARY KEY ("nonce")
);

-- CreateTable
CREATE TABLE "Ticket" (
    "id" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "envelope" BYTEA,
    "commandId" TEXT,
    "issuedAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "deliveredAt" TIMESTAMPTZ(3),
    "usedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Ticket_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AgentKey" (
    "id" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "spki" BYTEA NOT NULL,
    "ticketId" TEXT NOT NULL,
    "provedAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "AgentKey_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SecurityInfo" (
    "id" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "enrollmentId" TEXT NOT NULL,
    "report" JSONB NOT NULL,
    "evidenceDigest" BYTEA NOT NULL,
    "receivedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "SecurityInfo_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Verdict" (
    "id" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "trust" TEXT NOT NULL,
    "reasons" TEXT[],
    "until" TIMESTAMPTZ(3),
    "evidenceDigest" BYTEA,
    "evidenceAt" TIMESTAMPTZ(3),
    "keyBinding" TEXT,
    "policyVersion" INTEGER NOT NULL,
    "checks" JSONB NOT NULL,
    "decidedAt" TIMESTAMPTZ(3) NOT NULL,
    "sequence" BIGSERIAL NOT NULL,

    CONSTRAINT "Verdict_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MacEvent" (
    "id" TEXT NOT NULL,
    "macId" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "detail" JSONB NOT NULL,
    "sequence" BIGSERIAL NOT NULL,

    CONSTRAINT "MacEvent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "InferenceRequest" (
    "id" TEXT NOT NULL,
    "apiKeyId" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "macId" TEXT,
    "stream" BOOLEAN NOT NULL,
    "openedAt" TIMESTAMPTZ(3) NOT NULL,
    "firstContentAt" TIMESTAMPTZ(3),
    "settledAt" TIMESTAMPTZ(3),
    "outcome" "RequestOutcome",
    "errorCode" TEXT,
    "promptTokens" INTEGER,
    "completionTokens" INTEGER,

    CONSTRAINT "InferenceRequest_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");

-- CreateIndex
CREATE INDEX "Session_userId_idx" ON "Session"("userId");

-- CreateIndex
CREATE UNIQUE INDEX "ApiKey_hash_key" ON "ApiKey"("hash");

-- CreateIndex
CREATE INDEX "ApiKey_userId_idx" ON "ApiKey"("userId");

-- CreateIndex
CREATE INDEX "AuditEvent_at_idx" ON "AuditEvent"("at");

-- CreateIndex
CREATE INDEX "AuditEvent_subject_at_idx" ON "AuditEvent"("subject", "at");

-- CreateIndex
CREATE UNIQUE INDEX "Mac_serial_key" ON "Mac"("serial");

-- CreateIndex
CREATE UNIQUE INDEX "Enrollment_linkHash_key" ON "Enrollment"("linkHash");

-- CreateIndex
CREATE UNIQUE INDEX "Enrollment_clientIdentifierHash_key" ON "Enrollment"("clientIdentifierHash");

-- CreateIndex
CREATE UNIQUE INDEX "Enrollment_identitySha256_key" ON "Enrollment"("identitySha256");

-- CreateIndex
CREATE INDEX "Enrollment_macId_idx" ON "Enrollment"("macId");

-- CreateIndex
CREATE INDEX "Enrollment_udid_idx" ON "Enrollment"("udid");

-- CreateIndex
CREATE INDEX "MdmCommand_enrollmentId_state_sequence_idx" ON "MdmCommand"("enrollmentId", "state", "sequence");

-- CreateIndex
CREATE UNIQUE INDEX "AcmeAccount_thumbprint_key" ON "AcmeAccount"("thumbprint");

-- CreateIndex
CREATE INDEX "AcmeOrder_enrollmentId_idx" ON "AcmeOrder"("enrollmentId");

-- CreateIndex
CREATE INDEX "Attestation_macId_source_receivedAt_idx" ON "Attestation"("macId", "source", "receivedAt");

-- CreateIndex
CREATE INDEX "AttestationNonce_macId_issuedAt_idx" ON "AttestationNonce"("macId", "issuedAt");

-- CreateIndex
CREATE UNIQUE INDEX "Ticket_commandId_key" ON "Ticket"("commandId");

-- CreateIndex
CREATE INDEX "Ticket_macId_issuedAt_idx" ON "Ticket"("macId", "issuedAt");

-- CreateIndex
CREATE UNIQUE INDEX "AgentKey_spki_key" ON "AgentKey"("spki");

-- CreateIndex
CREATE INDEX "AgentKey_macId_idx" ON "AgentKey"("macId");

-- CreateIndex
CREATE INDEX "SecurityInfo_macId_receivedAt_idx" ON "SecurityInfo"("macId", "receivedAt");

-- CreateIndex
CREATE INDEX "Verdict_macId_sequence_idx" ON "Verdict"("macId", "sequence");

-- CreateIndex
CREATE INDEX "MacEvent_macId_sequence_idx" ON "MacEvent"("macId", "sequence");

-- CreateIndex
CREATE INDEX "InferenceRequest_openedAt_idx" ON "InferenceRequest"("openedAt");

-- CreateIndex
CREATE INDEX "InferenceRequest_apiKeyId_openedAt_idx" ON "InferenceRequest"("apiKeyId", "openedAt");

-- AddForeignKey
ALTER TABLE "Session" ADD CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKey" ADD CONSTRAINT "ApiKey_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Enrollment" ADD CONSTRAINT "Enrollment_macId_fkey" FOREIGN KEY ("macId") REFERENCES "Mac"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MdmCommand" ADD CONSTRAINT "MdmCommand_enrollmentId_fkey" FOREIGN KEY ("enrollmentId") REFERENCES "Enrollment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AcmeOrder" ADD CONSTRAINT "AcmeOrder_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "AcmeAccount"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Attestation" ADD CONSTRAINT "Attestation_macId_fkey" FOREIGN KEY ("macId") REFERENCES "Mac"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AttestationNonce" ADD CONSTRAINT "AttestationNonce_macId_fkey" FOREIGN KEY ("macId") REFERENCES "Mac"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Ticket" ADD CONSTRAINT "Ticket_macId_fkey" FOREIGN KEY ("macId") REFERENCES "Mac"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentKey" ADD CONSTRAINT "AgentKey_macId_fkey" FOREIGN KEY ("macId") REFERENCES "Mac"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SecurityInfo" ADD CONSTRAINT "SecurityInfo_macId_fkey" FOREIGN KEY ("macId") REFERENCES "Mac"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Verdict" ADD CONSTRAINT "Verdict_macId_fkey" FOREIGN KEY ("macId") REFERENCES "Mac"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MacEvent" ADD CONSTRAINT "MacEvent_macId_fkey" FOREIGN KEY ("macId") REFERENCES "Mac"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
