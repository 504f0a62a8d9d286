-- What a trigger token may be used for, and the token that a rotation replaced.

-- NULL: no limits, as almost all tokens.
ALTER TABLE trigger_tokens ADD COLUMN limits TEXT;
-- Variables and inputs that every call gets, sealed.
ALTER TABLE trigger_tokens ADD COLUMN fixed BYTEA;
-- The token before the last rotation, which may still be used for a while.
ALTER TABLE trigger_tokens ADD COLUMN previous_digest BYTEA;
ALTER TABLE trigger_tokens ADD COLUMN previous_short TEXT;
ALTER TABLE trigger_tokens ADD COLUMN previous_until BIGINT;
-- Whether the log has said that it expires soon.
ALTER TABLE trigger_tokens ADD COLUMN expiry_told BOOLEAN NOT NULL DEFAULT FALSE;
CREATE UNIQUE INDEX trigger_tokens_previous ON trigger_tokens (previous_digest) WHERE previous_digest IS NOT NULL;
CREATE INDEX trigger_tokens_expiring ON trigger_tokens (expires_at) WHERE expires_at IS NOT NULL AND NOT expiry_told;

-- Uses of tokens that have a limit, where several servers share them.
CREATE TABLE trigger_token_uses (
    token_id BIGINT NOT NULL PRIMARY KEY REFERENCES trigger_tokens (id) ON DELETE CASCADE,
    started_at BIGINT NOT NULL,
    uses BIGINT NOT NULL
);
