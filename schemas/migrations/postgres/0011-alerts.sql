-- Alerts: rules on trends, what became of each bucket, incidents, and what is still to be told to whom.
CREATE TABLE alerts (
  id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id       text NOT NULL UNIQUE,
  project_id      integer NOT NULL REFERENCES projects (id),
  name            text NOT NULL,
  -- Of a trends query; json keeps it as it was written.
  query           json NOT NULL,
  rule            jsonb NOT NULL,
  grace_seconds   integer NOT NULL,
  -- [{"id", "type", "url" | "to", "secret"?}]: secrets leave it only as signatures.
  destinations    jsonb NOT NULL,
  enabled         boolean NOT NULL,
  -- 'pending': no bucket was looked at since it was made or changed; 'learning': too little history to judge by.
  state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'learning', 'ok', 'firing')),
  -- End of the last bucket that was looked at: each is looked at once.
  evaluated_until timestamptz,
  -- {"bucket", "value", "expected", "score"} of that bucket.
  latest          jsonb,
  evaluated_at    timestamptz,
  -- Grows with every claim and every change; what an older evaluation says is ignored.
  generation      bigint NOT NULL DEFAULT 0,
  lease_until     timestamptz NOT NULL DEFAULT '-infinity',
  due_at          timestamptz NOT NULL DEFAULT '-infinity',
  failures        integer NOT NULL DEFAULT 0,
  error           text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alerts_by_project ON alerts (project_id, id);
CREATE INDEX alerts_due ON alerts (due_at) WHERE enabled;

CREATE TABLE alert_incidents (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id       text NOT NULL UNIQUE,
  alert_id        integer NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  opened_at       timestamptz NOT NULL DEFAULT now(),
  -- {"start", "end", "value", "expected", "score"} of the bucket that opened it, and of the one that closed it.
  opened_by       jsonb NOT NULL,
  closed_at       timestamptz,
  closed_by       jsonb,
  close_reason    text CHECK (close_reason IN ('resolved', 'changed', 'disabled'))
);
CREATE UNIQUE INDEX alert_incidents_open ON alert_incidents (alert_id) WHERE closed_at IS NULL;
CREATE INDEX alert_incidents_by_alert ON alert_incidents (alert_id, id DESC);

-- The outbox: written in the transaction that opens or closes an incident, worked off until told or given up.
CREATE TABLE alert_deliveries (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id       text NOT NULL UNIQUE,
  alert_id        integer NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  -- Null: a test.
  incident_id     bigint REFERENCES alert_incidents (id) ON DELETE CASCADE,
  kind            text NOT NULL CHECK (kind IN ('opened', 'closed', 'test')),
  destination_id  text NOT NULL,
  -- {"type", "url" | "to"} as it was then, for the history.
  destination     jsonb NOT NULL,
  -- The same bytes in every attempt.
  body            text NOT NULL,
  state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed', 'cancelled')),
  attempts        integer NOT NULL DEFAULT 0,
  due_at          timestamptz NOT NULL DEFAULT now(),
  lease_until     timestamptz NOT NULL DEFAULT '-infinity',
  last_status     integer,
  last_error      text,
  last_attempt_at timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  ended_at        timestamptz
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (due_at) WHERE state = 'pending';
CREATE INDEX alert_deliveries_by_incident ON alert_deliveries (incident_id, id);
CREATE INDEX alert_deliveries_by_alert ON alert_deliveries (alert_id, id);
