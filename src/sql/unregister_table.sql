-- Takes the registration of one exported table out of Unity Catalog. Files are not touched.
--
-- Parameters
--   :table        full name, each part in backticks: `catalog`.`schema`.`table`
--   :target_path  storage URI that the table was exported to, without a slash at its end
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

DECLARE OR REPLACE VARIABLE export_location STRING;
DECLARE OR REPLACE VARIABLE export_place STRING;
DECLARE OR REPLACE VARIABLE export_newest_versions STRING;
DECLARE OR REPLACE VARIABLE export_all_versions STRING;
DECLARE OR REPLACE VARIABLE export_check STRING;
DECLARE OR REPLACE VARIABLE export_removal STRING;
DECLARE OR REPLACE VARIABLE export_passed_over STRING;
DECLARE OR REPLACE VARIABLE export_command STRING;

-- A location has several spellings: s3a for s3, file:/ for file:///, the scheme in capitals, a slash at its end.
SET VARIABLE (export_location, export_place) = (
  SELECT location, trim(TRAILING '/' FROM regexp_replace(regexp_replace(
    lower(split_part(location, ':', 1)) || substr(location, instr(location, ':')),
    '^s3[an]:', 's3:'), '^file:[/]*', 'file:/'))
  FROM (SELECT CASE
    WHEN (:table RLIKE r'^`[^`\x00-\x1f\x22\x27\x5c\x7f]+`[.]`[^`\x00-\x1f\x22\x27\x5c\x7f]+`[.]`[^`\x00-\x1f\x22\x27\x5c\x7f]+`\z')
      IS NOT TRUE
      THEN raise_error('The parameter table is not a full name of three parts in backticks: '
        || coalesce(:table, 'NULL'))
    WHEN (:target_path RLIKE r'^[A-Za-z][A-Za-z0-9+.-]*:/[^`\x00-\x1f\x22\x27\x5c\x7f]*[^/`\x00-\x1f\x22\x27\x5c\x7f]\z')
      IS NOT TRUE
      THEN raise_error('The parameter target_path is not a storage URI free of quotes, backslashes, backticks and a '
        || 'slash at its end: ' || coalesce(:target_path, 'NULL'))
    ELSE :target_path
  END AS location)
);

-- The newest versions tell whose clone it is, or give the look at all versions, which is for a table that others wrote
-- to often since. A repository or branch whose name cannot be one has no clones.
SET VARIABLE (export_newest_versions, export_all_versions, export_removal, export_passed_over) = (
  SELECT
    CASE
      WHEN NOT is_registered THEN 'SELECT "SELECT export_removal"'
      ELSE 'SELECT CASE WHEN ' || is_clone || ' THEN "SELECT export_removal" ELSE export_all_versions END FROM ('
        || origins || ' LIMIT 20))'
    END,
    'SELECT CASE WHEN ' || is_clone || ' THEN export_removal ELSE export_passed_over END FROM (' || origins || '))',
    CASE
      WHEN is_registered THEN 'DROP TABLE IF EXISTS ' || :table
      ELSE 'SELECT "' || :table || ' is not registered, so there is nothing to do." AS result'
    END,
    'SELECT "' || :table || ' is no clone of this branch, so it is left as it is." AS result'
  FROM (
    SELECT
      count(*) > 0 AS is_registered,
      CASE
        WHEN :repository RLIKE r'^[^`\x00-\x1f\x22\x27\x5c\x7f]+\z'
          AND :branch RLIKE r'^[^`\x00-\x1f\x22\x27\x5c\x7f]+\z'
          THEN 'count_if(origin["lakefs.repository"] = "' || :repository || '" AND origin["lakefs.branch"] = "' || :branch
            || '") > 0'
        ELSE 'count_if(FALSE) > 0'
      END AS is_clone,
      CASE
        WHEN count_if((upper(table_type) LIKE 'EXTERNAL%' AND trim(TRAILING '/' FROM regexp_replace(regexp_replace(
            lower(split_part(storage_path, ':', 1)) || substr(storage_path, instr(storage_path, ':')),
            '^s3[an]:', 's3:'), '^file:[/]*', 'file:/')) = export_place) IS NOT TRUE)
          = 0 THEN 'SELECT from_json(userMetadata, "MAP<STRING, STRING>") AS origin FROM (DESCRIBE HISTORY '
          || :table
        ELSE raise_error('The name ' || :table || ' belongs to another table or view (' || max(table_type)
          || ' at ' || coalesce(max(storage_path), 'no location') || '), not to the export at ' || export_location
          || '. It is left as it is.')
      END AS origins
    FROM IDENTIFIER('`' || split_part(:table, '`', 2) || '`.information_schema.tables')
    WHERE table_schema = lower(split_part(:table, '`', 4))
      AND table_name = lower(split_part(:table, '`', 6))
  )
);

EXECUTE IMMEDIATE export_newest_versions INTO export_check;

EXECUTE IMMEDIATE export_check INTO export_command;

EXECUTE IMMEDIATE export_command;
