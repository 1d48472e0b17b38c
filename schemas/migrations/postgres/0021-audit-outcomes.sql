-- What an action brought about, as far as the answer says it in a few words: the id of what was made, how many.
ALTER TABLE audit_results ADD COLUMN outcome jsonb;
