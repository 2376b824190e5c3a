"""Tables, and what can happen to one between two commits: by kind, the statements before and after the first."""

SIMPLE = "CREATE TABLE {t} (id BIGINT, name STRING) USING delta; INSERT INTO {t} VALUES (1, 'one'), (2, 'two')"
MAPPED = (
    "CREATE TABLE {t} (id BIGINT, name STRING) USING delta TBLPROPERTIES ('delta.columnMapping.mode' = 'name');"
    "INSERT INTO {t} VALUES (1, 'one'), (2, 'two')"
)
BY_ID = MAPPED.replace("'name')", "'id')")
VECTORS = (
    "CREATE TABLE {t} (id BIGINT) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true');"
    "INSERT INTO {t} SELECT id FROM range(0, 20, 1, 1)"
)
CHANGES = {
    "rows updated": (SIMPLE, "UPDATE {t} SET name = 'zwei' WHERE id = 2"),
    "column added": (
        SIMPLE,
        "ALTER TABLE {t} ADD COLUMN day DATE; INSERT INTO {t} VALUES (3, 'three', DATE'2026-01-02')",
    ),
    "column renamed": (MAPPED, "ALTER TABLE {t} RENAME COLUMN name TO title"),
    "column dropped": (MAPPED, "ALTER TABLE {t} DROP COLUMN name"),
    "column retyped": (SIMPLE, "REPLACE TABLE {t} USING delta AS SELECT CAST(id AS STRING) AS id FROM range(3)"),
    "type widened": (
        "CREATE TABLE {t} (id INT) USING delta TBLPROPERTIES ('delta.enableTypeWidening' = 'true');"
        "INSERT INTO {t} VALUES (1)",
        "ALTER TABLE {t} ALTER COLUMN id TYPE BIGINT; INSERT INTO {t} VALUES (5000000000)",
    ),
    "partitions added": (
        SIMPLE,
        "REPLACE TABLE {t} USING delta PARTITIONED BY (p) AS SELECT id, id % 2 AS p FROM range(4)",
    ),
    "partitions dropped": (
        "CREATE TABLE {t} (id BIGINT, p STRING) USING delta PARTITIONED BY (p);"
        "INSERT INTO {t} VALUES (1, 'ä/ö=%+#?:'), (2, NULL), (3, '表 x')",
        "REPLACE TABLE {t} USING delta AS SELECT id, 'x' AS p FROM range(4)",
    ),
    "odd partition values": (
        "CREATE TABLE {t} (id BIGINT, p STRING) USING delta PARTITIONED BY (p);"
        "INSERT INTO {t} VALUES (1, 'ä/ö=%+#?:'), (2, NULL), (3, '表 x')",
        "INSERT INTO {t} VALUES (4, 'a b')",
    ),
    "constraint added": (SIMPLE, "ALTER TABLE {t} ADD CONSTRAINT positive CHECK (id > 0)"),
    "constraint dropped": (
        f"{SIMPLE}; ALTER TABLE {{t}} ADD CONSTRAINT small CHECK (id < 3)",
        "ALTER TABLE {t} DROP CONSTRAINT small; INSERT INTO {t} VALUES (9, 'nine')",
    ),
    "append-only": (
        f"{SIMPLE}; ALTER TABLE {{t}} SET TBLPROPERTIES ('delta.appendOnly' = 'true')",
        "INSERT INTO {t} VALUES (3, 'three')",
    ),
    "vectors added": (VECTORS, "DELETE FROM {t} WHERE id < 5"),
    "vectors changed": (f"{VECTORS}; DELETE FROM {{t}} WHERE id < 5", "DELETE FROM {t} WHERE id BETWEEN 7 AND 9"),
    "vectors enabled": (
        "CREATE TABLE {t} USING delta AS SELECT id FROM range(0, 20, 1, 1)",
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true'); DELETE FROM {t} WHERE id = 4",
    ),
    "mapping enabled": (
        SIMPLE,
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name'); ALTER TABLE {t} DROP COLUMN name",
    ),
    "mapping gone": (MAPPED, "REPLACE TABLE {t} USING delta AS SELECT id FROM range(3)"),
    "mapping by id gone": (BY_ID, "REPLACE TABLE {t} USING delta AS SELECT id FROM range(3)"),
    "mapping by id to names": (
        BY_ID,
        "REPLACE TABLE {t} USING delta TBLPROPERTIES ('delta.columnMapping.mode' = 'name') AS SELECT id FROM range(3)",
    ),
    "append-only and mapping gone": (
        f"{MAPPED}; ALTER TABLE {{t}} SET TBLPROPERTIES ('delta.appendOnly' = 'true')",
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.appendOnly' = 'false');"
        "REPLACE TABLE {t} USING delta AS SELECT id FROM range(3)",
    ),
    "append-only turned on": (
        SIMPLE,
        "DELETE FROM {t} WHERE id = 1; ALTER TABLE {t} SET TBLPROPERTIES ('delta.appendOnly' = 'true')",
    ),
    "row tracking turned on": (SIMPLE, "ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableRowTracking' = 'true')"),
    "row tracking turned off": (
        "CREATE TABLE {t} (id BIGINT) USING delta TBLPROPERTIES ('delta.enableRowTracking' = 'true');"
        "INSERT INTO {t} VALUES (1), (2)",
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableRowTracking' = 'false'); INSERT INTO {t} VALUES (3)",
    ),
    "timestamps turned off": (
        "CREATE TABLE {t} (id BIGINT) USING delta TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true');"
        "INSERT INTO {t} VALUES (1)",
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'false'); INSERT INTO {t} VALUES (2)",
    ),
    "clustering gone": (
        "CREATE TABLE {t} (id BIGINT, name STRING) USING delta CLUSTER BY (id); INSERT INTO {t} VALUES (1, 'one')",
        "ALTER TABLE {t} CLUSTER BY NONE; INSERT INTO {t} VALUES (2, 'two')",
    ),
    "timestamps enabled": (
        SIMPLE,
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true'); DELETE FROM {t} WHERE id = 1",
    ),
    "timestamps from the start": (
        "CREATE TABLE {t} (id BIGINT) USING delta TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true');"
        "INSERT INTO {t} VALUES (1)",
        "INSERT INTO {t} VALUES (2)",
    ),
    "row tracking": (
        "CREATE TABLE {t} (id BIGINT) USING delta TBLPROPERTIES ('delta.enableRowTracking' = 'true');"
        "INSERT INTO {t} VALUES (1), (2)",
        "INSERT INTO {t} VALUES (3)",
    ),
    "change feed": (
        f"{SIMPLE}; ALTER TABLE {{t}} SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')",
        "UPDATE {t} SET name = 'x' WHERE id = 1",
    ),
    "variant added": (
        SIMPLE,
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.feature.variantType-preview' = 'supported');"
        "ALTER TABLE {t} ADD COLUMN v VARIANT; INSERT INTO {t} SELECT 3, 'three', parse_json('[1]')",
    ),
    "checkpointed": (
        f"{SIMPLE}; ALTER TABLE {{t}} SET TBLPROPERTIES ('delta.checkpointInterval' = '1')",
        "INSERT INTO {t} VALUES (3, 'three')",
    ),
}
