"""The modules that a lakeFS 1.84 server was seen to have, with their functions; and which of them it loads at once."""

FUNCTIONS = {
    "lakefs": "create_tag diff_branch diff_refs get_object list_objects stat_object update_object_user_metadata",
    "lakefs/catalogexport/table_extractor": "get_table_descriptor list_table_descriptor_entries",
    "lakefs/catalogexport/hive": "extract_partition_pager",
    "lakefs/catalogexport/delta_exporter": "changed_table_defs export_delta_log",
    "lakefs/catalogexport/unity_exporter": "register_tables",
    "lakefs/catalogexport/glue_exporter": "export_glue get_full_table_name",
    "lakefs/catalogexport/symlink_exporter": "export_s3",
    "lakefs/catalogexport/internal": "deepcopy get_storage_uri_prefix lakefs_object_pager "
    "lakefs_paginiated_api parse_storage_uri ref_from_branch_or_tag short_digest sortedKeys",
    "aws": "glue_client s3_client",
    "azure": "abfss_transform_path blob_client",
    "gcloud": "gs_client",
    "crypto/aes": "decryptCBC encryptCBC",
    "crypto/hmac": "sign_sha1 sign_sha256",
    "crypto/sha256": "digest",
    "encoding/base64": "decode encode url_decode url_encode",
    "encoding/hex": "decode encode",
    "encoding/json": "marshal unmarshal",
    "encoding/parquet": "get_schema",
    "encoding/yaml": "marshal unmarshal",
    "encoding/z85enc": "decode_uuid",
    "formats": "delta_client",
    "hook": "fail",
    "net/http": "request",
    "net/url": "build_url parse path_escape query_unescape",
    "path": "default_separator extract_dir_name is_hidden join parse",
    "regexp": "compile match quote_meta",
    "strings": "contains has_prefix has_suffix replace split trim",
    "time": "add format format_iso now parse parse_iso since sleep",
    "uuid": "new",
    "databricks": "client",
}
# Others are found by `require` alone: they are written in Lua there.
LOADED = tuple(name for name in FUNCTIONS if not name.startswith("lakefs/"))
