-- Answers of queries are kept for as long as nothing was added to what they were made of. Whoever changes stored events
-- in another way (takes some away) adds one here once it is done, and the kept answers of the project are over.
ALTER TABLE projects ADD COLUMN answers_epoch bigint NOT NULL DEFAULT 0;
