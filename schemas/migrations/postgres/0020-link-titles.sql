-- Titles of links that are read from their pages, and totals that go with their links.
-- Who said the title: 'person' (also that there is to be none) or 'page'; null: nobody yet, or a person before this.
ALTER TABLE links ADD COLUMN title_by text CHECK (title_by IN ('person', 'page'));

-- Links whose page is still to be read: written with the link, gone once it was.
CREATE TABLE link_titles_wanted (
  link_id       bigint PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
  project_id    integer NOT NULL,
  url           text NOT NULL,
  wanted_at     timestamptz NOT NULL DEFAULT now(),
  -- How often it was begun; a try that ended with its process counts.
  attempts      smallint NOT NULL DEFAULT 0,
  -- When it may be begun (again): while it is leased, when the lease ends.
  due_at        timestamptz NOT NULL DEFAULT now(),
  leased        boolean NOT NULL DEFAULT false
);
CREATE INDEX link_titles_wanted_due ON link_titles_wanted (project_id, due_at);
CREATE INDEX link_titles_wanted_leased ON link_titles_wanted (project_id) WHERE leased;

-- What deleted links left behind.
DELETE FROM link_totals WHERE NOT EXISTS (SELECT FROM links WHERE links.public_id = link_totals.link_id);
