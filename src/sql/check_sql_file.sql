-- Asks a warehouse, in a SQL file that a job runs, for what register_table.sql and unregister_table.sql are made of.
-- It changes nothing, and fails where these would.
--
-- Parameters
--   :catalog      catalog that tables are registered in
--
-- register_table.sql says where no semicolon and no quote may stand.

DECLARE OR REPLACE VARIABLE check_schemas BIGINT;
DECLARE OR REPLACE VARIABLE check_statement STRING;
DECLARE OR REPLACE VARIABLE check_answer STRING;

SET VARIABLE (check_schemas, check_statement) = (
  SELECT count(*), 'SELECT "kept"'
  FROM IDENTIFIER('`' || :catalog || '`.information_schema.schemata')
);

EXECUTE IMMEDIATE check_statement INTO check_answer;

SELECT CASE
  WHEN check_schemas IS NOT NULL AND check_answer = 'kept' THEN 'This warehouse does what the SQL files need.'
  ELSE raise_error('Variables are not set by a query, or not kept from statement to statement of a SQL file.')
END AS result;
