-- Registers one exported table in Unity Catalog, or refreshes what Unity Catalog shows of it.
--
-- Parameters
--   :table        full name, each part in backticks: `catalog`.`schema`.`table`
--   :target_base_location
--                 storage URI under which the Delta table lies as {branch}/{table}, without a slash at its end
--   :repository   lakeFS repository and branch that the table was cloned from
--   :branch
--   :line, :commit_generation
--                 line of commits and generation of the commit that the clone has to have reached
--
-- A table that is registered is never dropped or created anew, so its grants, tags and owner stay. A name that
-- something else has taken (another location, a managed table, a view) ends in an error, and is left as it is. So
-- does a path that holds something other than a clone of this branch, or one of an older commit: where a clone
-- failed, its registration fails with it, so that a repair does both. Every type that begins with EXTERNAL is ours at
-- our location: Unity Catalog lists some clones by a type of their own.
--
-- unregister_table.sql has the same words for what is ours, held equal by a test. A SQL file cannot include another,
-- and one file for both tasks would leave it to a parameter whether a table is dropped.
--
-- Names are looked up in the information_schema of their own catalog: that of the catalog system takes a grant that
-- not every identity has.
--
-- LOCATION and REPAIR TABLE take no parameter marker, so statements are built as text. What goes into the text is
-- checked first: no value can hold a quote, a backslash or a control character, and no name a further backtick.
--
-- How a job splits its file into statements is not documented. So a semicolon stands at the end of a statement and
-- nowhere else, in no comment and no string, and a comment has no quote without its other half. A test holds that.

DECLARE OR REPLACE VARIABLE export_schema STRING;
DECLARE OR REPLACE VARIABLE export_table STRING;
DECLARE OR REPLACE VARIABLE export_location STRING;
DECLARE OR REPLACE VARIABLE export_place STRING;
DECLARE OR REPLACE VARIABLE export_repository STRING;
DECLARE OR REPLACE VARIABLE export_branch STRING;
DECLARE OR REPLACE VARIABLE export_line BIGINT;
DECLARE OR REPLACE VARIABLE export_generation BIGINT;
DECLARE OR REPLACE VARIABLE export_clones BIGINT;
DECLARE OR REPLACE VARIABLE export_command STRING;

SET VARIABLE export_table = CASE
  WHEN :table RLIKE r'^`[^`\x00-\x1f\x22\x27\x5c\x7f]+`[.]`[^`\x00-\x1f\x22\x27\x5c\x7f]+`[.]`[^`\x00-\x1f\x22\x27\x5c\x7f]+`\z'
    THEN :table
  ELSE raise_error('The parameter table is not a full name of three parts in backticks: ' || coalesce(:table, 'NULL'))
END;

SET VARIABLE export_schema = '`' || split_part(export_table, '`', 2) || '`.`' || split_part(export_table, '`', 4) || '`';

SET VARIABLE export_repository = CASE
  WHEN :repository RLIKE r'^[^`\x00-\x1f\x22\x27\x5c\x7f]+\z' THEN :repository
  ELSE raise_error('The parameter repository is not a name free of quotes and backslashes: '
    || coalesce(:repository, 'NULL'))
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

SET VARIABLE export_line = CASE
  WHEN :line RLIKE r'^[0-9]{1,18}\z' THEN CAST(:line AS BIGINT)
  ELSE raise_error('The parameter line is not a number: ' || coalesce(:line, 'NULL'))
END;

SET VARIABLE export_generation = CASE
  WHEN :commit_generation RLIKE r'^[0-9]{1,18}\z' THEN CAST(:commit_generation AS BIGINT)
  ELSE raise_error('The parameter commit_generation is not a number: ' || coalesce(:commit_generation, 'NULL'))
END;

-- The clone of this table may have been refused or failed, while others of its run did not: what stands at the path
-- is then that of somebody else, or nothing, or of an older commit.
SET VARIABLE export_command = (
  SELECT CASE
    WHEN count_if((upper(table_type) LIKE 'EXTERNAL%' AND trim(TRAILING '/' FROM regexp_replace(regexp_replace(
        lower(split_part(storage_path, ':', 1)) || substr(storage_path, instr(storage_path, ':')),
        '^s3[an]:', 's3:'), '^file:[/]*', 'file:/')) = export_place) IS NOT TRUE)
      = 0 THEN 'SELECT count_if(origin["lakefs.repository"] = export_repository '
      || 'AND origin["lakefs.branch"] = export_branch '
      || 'AND struct(coalesce(try_cast(origin["lakefs.line"] AS BIGINT), 0), '
      || 'try_cast(origin["lakefs.commit_generation"] AS BIGINT)) >= struct(export_line, export_generation)) '
      || 'FROM (SELECT from_json(userMetadata, "MAP<STRING, STRING>") AS origin FROM (DESCRIBE HISTORY '
      || CASE WHEN count(*) = 0 THEN 'delta.`' || export_location || '`' ELSE export_table END || '))'
    ELSE 'SELECT 1'
  END
  FROM IDENTIFIER('`' || split_part(export_table, '`', 2) || '`.information_schema.tables')
  WHERE table_schema = lower(split_part(export_table, '`', 4))
    AND table_name = lower(split_part(export_table, '`', 6))
);

EXECUTE IMMEDIATE export_command INTO export_clones;

SET VARIABLE export_location = CASE
  WHEN export_clones > 0 THEN export_location
  ELSE raise_error('The Delta table at ' || export_location || ' is not a clone of branch ' || export_branch
    || ' of the lakeFS repository ' || export_repository || ', or is one of an older commit, so ' || export_table
    || ' is left as it is. See why clone_tables did not clone it, then repair the run.')
END;

-- CREATE SCHEMA wants its privilege on the catalog even where the schema exists, so it is left out then. A schema that
-- is made says whose it is, so that it does not outlive its branch.
SET VARIABLE export_command = (
  SELECT CASE
    WHEN count(*) = 0 THEN 'CREATE SCHEMA IF NOT EXISTS ' || export_schema
      || ' WITH DBPROPERTIES ("lakefs.created_by" = "lakefs-unity-export", '
      || '"lakefs.' || export_repository || '.branch" = "' || export_branch || '")'
    ELSE 'SELECT "The schema exists." AS result'
  END
  FROM IDENTIFIER('`' || split_part(export_schema, '`', 2) || '`.information_schema.schemata')
  WHERE schema_name = lower(split_part(export_schema, '`', 4))
);

EXECUTE IMMEDIATE export_command;

SET VARIABLE export_command =
  'CREATE TABLE IF NOT EXISTS ' || export_table || ' USING DELTA LOCATION "' || export_location || '"';

EXECUTE IMMEDIATE export_command;

-- IF NOT EXISTS says nothing about a name that was taken, so who holds the name is looked up afterwards: what
-- another run or person did in the meantime counts too.
SET VARIABLE export_command = (
  SELECT CASE
    WHEN count_if((upper(table_type) LIKE 'EXTERNAL%' AND trim(TRAILING '/' FROM regexp_replace(regexp_replace(
        lower(split_part(storage_path, ':', 1)) || substr(storage_path, instr(storage_path, ':')),
        '^s3[an]:', 's3:'), '^file:[/]*', 'file:/')) = export_place) IS NOT TRUE)
      = 0 THEN 'REPAIR TABLE ' || export_table || ' SYNC METADATA'
    ELSE raise_error('The name ' || export_table || ' is taken by another table or view (' || max(table_type)
      || ' at ' || coalesce(max(storage_path), 'no location') || '), not by the export at ' || export_location
      || '. It is left as it is: rename or drop it, or export under another name.')
  END
  FROM IDENTIFIER('`' || split_part(export_table, '`', 2) || '`.information_schema.tables')
  WHERE table_schema = lower(split_part(export_table, '`', 4))
    AND table_name = lower(split_part(export_table, '`', 6))
);

EXECUTE IMMEDIATE export_command;
