-- Takes the registration of one exported table out of Unity Catalog. Files are not touched.
--
-- Parameters
--   :table        full name, each part in backticks: `catalog`.`schema`.`table`
--   :target_base_location
--                 storage URI under which the table was exported as {branch}/{table}, without a slash at its end
--   :repository   lakeFS repository and branch that the table was cloned from
--   :branch
--
-- Only an external table at that location is dropped, and only where it is a clone of that branch: a table of another
-- repository, whose branch has the same name, is passed over. A name that is not registered is no error. A name
-- that something else has taken (another location, a managed table, a view) is one, and is left as it is. A
-- catalog that is gone is one too: its tables went with it, and the next run looks for none of them.
--
-- register_table.sql has the same words for what is ours, held equal by a test, and says why the catalog is asked,
-- and where no semicolon and no quote may stand.

DECLARE OR REPLACE VARIABLE export_table STRING;
DECLARE OR REPLACE VARIABLE export_location STRING;
DECLARE OR REPLACE VARIABLE export_place STRING;
DECLARE OR REPLACE VARIABLE export_repository STRING;
DECLARE OR REPLACE VARIABLE export_branch STRING;
DECLARE OR REPLACE VARIABLE export_clones BIGINT;
DECLARE OR REPLACE VARIABLE export_command STRING;

SET VARIABLE export_table = CASE
  WHEN :table RLIKE r'^`[^`\x00-\x1f\x22\x27\x5c\x7f]+`[.]`[^`\x00-\x1f\x22\x27\x5c\x7f]+`[.]`[^`\x00-\x1f\x22\x27\x5c\x7f]+`\z'
    THEN :table
  ELSE raise_error('The parameter table is not a full name of three parts in backticks: ' || coalesce(:table, 'NULL'))
END;

SET VARIABLE export_branch = CASE
  WHEN :branch RLIKE r'^[^`\x00-\x1f\x22\x27\x5c\x7f]+\z' THEN :branch
  ELSE raise_error('The parameter branch is not a name free of quotes and backslashes: ' || coalesce(:branch, 'NULL'))
END;

-- Where the clone lies follows from its name, as in Python: one file of cases holds both. What is checked here is also
-- what a run lacks that another version of the job began: its list left no such value.
SET VARIABLE export_location = CASE
  WHEN :target_base_location RLIKE r'^[A-Za-z][A-Za-z0-9+.-]*:/[^`\x00-\x1f\x22\x27\x5c\x7f]*[^/`\x00-\x1f\x22\x27\x5c\x7f]\z'
    THEN :target_base_location || '/' || export_branch || '/' || split_part(export_table, '`', 6)
  ELSE raise_error('The parameter target_base_location is not a storage URI free of quotes, backslashes, backticks and '
    || 'a slash at its end: ' || coalesce(:target_base_location, 'NULL') || '. Start a new run of the job: one that '
    || 'another version of it began cannot be gone on with.')
END;

-- A location has several spellings: s3a for s3, file:/ for file:///, the scheme in capitals, a slash at its end.
SET VARIABLE export_place = trim(TRAILING '/' FROM regexp_replace(regexp_replace(
  lower(split_part(export_location, ':', 1)) || substr(export_location, instr(export_location, ':')),
  '^s3[an]:', 's3:'), '^file:[/]*', 'file:/'));

SET VARIABLE export_repository = :repository;

SET VARIABLE export_command = (
  SELECT CASE
    WHEN count(*) = 0 THEN 'SELECT 0'
    WHEN count_if((upper(table_type) LIKE 'EXTERNAL%' AND trim(TRAILING '/' FROM regexp_replace(regexp_replace(
        lower(split_part(storage_path, ':', 1)) || substr(storage_path, instr(storage_path, ':')),
        '^s3[an]:', 's3:'), '^file:[/]*', 'file:/')) = export_place) IS NOT TRUE)
      = 0 THEN 'SELECT count_if(origin["lakefs.repository"] = export_repository '
      || 'AND origin["lakefs.branch"] = export_branch) '
      || 'FROM (SELECT from_json(userMetadata, "MAP<STRING, STRING>") AS origin '
      || 'FROM (DESCRIBE HISTORY ' || export_table || '))'
    ELSE 'SELECT 0'
  END
  FROM IDENTIFIER('`' || split_part(export_table, '`', 2) || '`.information_schema.tables')
  WHERE table_schema = lower(split_part(export_table, '`', 4))
    AND table_name = lower(split_part(export_table, '`', 6))
);

EXECUTE IMMEDIATE export_command INTO export_clones;

SET VARIABLE export_command = (
  SELECT CASE
    WHEN count(*) = 0 THEN 'SELECT "' || export_table || ' is not registered, so there is nothing to do." AS result'
    WHEN count_if((upper(table_type) LIKE 'EXTERNAL%' AND trim(TRAILING '/' FROM regexp_replace(regexp_replace(
        lower(split_part(storage_path, ':', 1)) || substr(storage_path, instr(storage_path, ':')),
        '^s3[an]:', 's3:'), '^file:[/]*', 'file:/')) = export_place) IS NOT TRUE)
      = 0 THEN CASE
        WHEN export_clones > 0 THEN 'DROP TABLE IF EXISTS ' || export_table
        ELSE 'SELECT "' || export_table || ' is no clone of this branch, so it is left as it is." AS result'
      END
    ELSE raise_error('The name ' || export_table || ' belongs to another table or view (' || max(table_type)
      || ' at ' || coalesce(max(storage_path), 'no location') || '), not to the export at ' || export_location
      || '. It is left as it is.')
  END
  FROM IDENTIFIER('`' || split_part(export_table, '`', 2) || '`.information_schema.tables')
  WHERE table_schema = lower(split_part(export_table, '`', 4))
    AND table_name = lower(split_part(export_table, '`', 6))
);

EXECUTE IMMEDIATE export_command;
