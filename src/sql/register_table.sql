-- Registers one exported table in Unity Catalog, or refreshes what Unity Catalog shows of it.
--
-- Parameters
--   :table        full name, each part in backticks: `catalog`.`schema`.`table`
--   :schema       full name of its schema: `catalog`.`schema`
--   :target_path  storage URI of the Delta table, without a slash at its end
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
-- Each statement costs on a warehouse, and a look at information_schema more, so there is one of it. The checks that
-- are left run before anything that has an effect.
--
-- How a job splits its file into statements is not documented. So a semicolon stands at the end of a statement and
-- nowhere else, in no comment and no string, and a comment has no quote without its other half. A test holds that.

DECLARE OR REPLACE VARIABLE export_location STRING;
DECLARE OR REPLACE VARIABLE export_place STRING;
DECLARE OR REPLACE VARIABLE export_newest_versions STRING;
DECLARE OR REPLACE VARIABLE export_all_versions STRING;
DECLARE OR REPLACE VARIABLE export_check STRING;
DECLARE OR REPLACE VARIABLE export_create_schema STRING;
DECLARE OR REPLACE VARIABLE export_create_table STRING;
DECLARE OR REPLACE VARIABLE export_repair STRING;

-- All parameters are what they should be, or nothing happens.
-- A location has several spellings: s3a for s3, file:/ for file:///, the scheme in capitals, a slash at its end.
SET VARIABLE (export_location, export_place) = (
  SELECT location, trim(TRAILING '/' FROM regexp_replace(regexp_replace(
    lower(split_part(location, ':', 1)) || substr(location, instr(location, ':')),
    '^s3[an]:', 's3:'), '^file:[/]*', 'file:/'))
  FROM (SELECT CASE
    WHEN (:schema RLIKE r'^`[^`\x00-\x1f\x22\x27\x5c\x7f]+`[.]`[^`\x00-\x1f\x22\x27\x5c\x7f]+`\z') IS NOT TRUE
      THEN raise_error('The parameter schema is not a full name of two parts in backticks: '
        || coalesce(:schema, 'NULL'))
    WHEN (:table RLIKE r'^`[^`\x00-\x1f\x22\x27\x5c\x7f]+`[.]`[^`\x00-\x1f\x22\x27\x5c\x7f]+`[.]`[^`\x00-\x1f\x22\x27\x5c\x7f]+`\z'
        AND startswith(:table, :schema || '.'))
      IS NOT TRUE
      THEN raise_error('The parameter table is not a full name of three parts in backticks, within the schema '
        || :schema || ': ' || coalesce(:table, 'NULL'))
    WHEN (:target_path RLIKE r'^[A-Za-z][A-Za-z0-9+.-]*:/[^`\x00-\x1f\x22\x27\x5c\x7f]*[^/`\x00-\x1f\x22\x27\x5c\x7f]\z')
      IS NOT TRUE
      THEN raise_error('The parameter target_path is not a storage URI free of quotes, backslashes, backticks and a '
        || 'slash at its end: ' || coalesce(:target_path, 'NULL'))
    WHEN (:repository RLIKE r'^[^`\x00-\x1f\x22\x27\x5c\x7f]+\z') IS NOT TRUE
      THEN raise_error('The parameter repository is not a name free of quotes and backslashes: '
        || coalesce(:repository, 'NULL'))
    WHEN (:branch RLIKE r'^[^`\x00-\x1f\x22\x27\x5c\x7f]+\z') IS NOT TRUE
      THEN raise_error('The parameter branch is not a name free of quotes and backslashes: '
        || coalesce(:branch, 'NULL'))
    WHEN (:line RLIKE r'^[0-9]{1,18}\z') IS NOT TRUE
      THEN raise_error('The parameter line is not a number: ' || coalesce(:line, 'NULL'))
    WHEN (:commit_generation RLIKE r'^[0-9]{1,18}\z') IS NOT TRUE
      THEN raise_error('The parameter commit_generation is not a number: ' || coalesce(:commit_generation, 'NULL'))
    ELSE :target_path
  END AS location)
);

-- The look at what Unity Catalog has of the table and its schema, and what follows from it as text.
--
-- The clone of this table may have been refused or failed, while others of its run did not: what stands at the path
-- is then that of somebody else, or nothing, or of an older commit. The newest versions tell, or give the look at all
-- versions, which is for a table that others wrote to often since.
--
-- CREATE TABLE comes without IF NOT EXISTS, which says nothing of a name that was taken in the meantime. CREATE SCHEMA
-- has it, as other tables of the run make the same schema, and is left out where the schema exists, since it wants its
-- privilege on the catalog all the same. A schema that is made says whose it is, so that it does not outlive its
-- branch.
SET VARIABLE (
  export_newest_versions, export_all_versions, export_create_schema, export_create_table, export_repair
) = (
  SELECT
    'SELECT CASE WHEN ' || is_clone || ' THEN "SELECT export_repair" ELSE export_all_versions END FROM ('
      || origins || ' LIMIT 20))',
    'SELECT CASE WHEN ' || is_clone || ' THEN export_repair ELSE raise_error("The Delta table at ' || export_location
      || ' is not a clone of branch ' || :branch || ' of the lakeFS repository ' || :repository
      || ', or is one of an older commit, so ' || :table || ' is left as it is. See why clone_tables did not clone it, '
      || 'then repair the run.") END FROM (' || origins || '))',
    CASE
      WHEN (
        SELECT count(*)
        FROM IDENTIFIER('`' || split_part(:schema, '`', 2) || '`.information_schema.schemata')
        WHERE schema_name = lower(split_part(:schema, '`', 4))
      ) = 0 THEN 'CREATE SCHEMA IF NOT EXISTS ' || :schema
        || ' WITH DBPROPERTIES ("lakefs.created_by" = "lakefs-unity-export", '
        || '"lakefs.' || :repository || '.branch" = "' || :branch || '")'
      ELSE 'SELECT "The schema exists." AS result'
    END,
    CASE
      WHEN is_registered THEN 'SELECT "The table is registered." AS result'
      ELSE 'CREATE TABLE ' || :table || ' USING DELTA LOCATION "' || export_location || '"'
    END,
    'REPAIR TABLE ' || :table || ' SYNC METADATA'
  FROM (
    SELECT
      count(*) > 0 AS is_registered,
      'count_if(origin["lakefs.repository"] = "' || :repository || '" AND origin["lakefs.branch"] = "' || :branch
        || '" AND struct(coalesce(try_cast(origin["lakefs.line"] AS BIGINT), 0), '
        || 'try_cast(origin["lakefs.commit_generation"] AS BIGINT)) >= struct(' || :line || 'L, '
        || :commit_generation || 'L)) > 0' AS is_clone,
      CASE
        WHEN count_if((upper(table_type) LIKE 'EXTERNAL%' AND trim(TRAILING '/' FROM regexp_replace(regexp_replace(
            lower(split_part(storage_path, ':', 1)) || substr(storage_path, instr(storage_path, ':')),
            '^s3[an]:', 's3:'), '^file:[/]*', 'file:/')) = export_place) IS NOT TRUE)
          = 0 THEN 'SELECT from_json(userMetadata, "MAP<STRING, STRING>") AS origin FROM (DESCRIBE HISTORY '
          || CASE WHEN count(*) = 0 THEN 'delta.`' || export_location || '`' ELSE :table END
        ELSE raise_error('The name ' || :table || ' is taken by another table or view (' || max(table_type)
          || ' at ' || coalesce(max(storage_path), 'no location') || '), not by the export at ' || export_location
          || '. It is left as it is: rename or drop it, or export under another name.')
      END AS origins
    FROM IDENTIFIER('`' || split_part(:table, '`', 2) || '`.information_schema.tables')
    WHERE table_schema = lower(split_part(:table, '`', 4))
      AND table_name = lower(split_part(:table, '`', 6))
  )
);

EXECUTE IMMEDIATE export_newest_versions INTO export_check;

EXECUTE IMMEDIATE export_check INTO export_repair;

EXECUTE IMMEDIATE export_create_schema;

EXECUTE IMMEDIATE export_create_table;

EXECUTE IMMEDIATE export_repair;
