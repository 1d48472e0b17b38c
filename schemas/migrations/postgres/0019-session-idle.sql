-- A person who pauses for longer than this begins another session.
ALTER TABLE projects ADD COLUMN session_idle_minutes integer NOT NULL DEFAULT 30
  CHECK (session_idle_minutes BETWEEN 1 AND 1440);
