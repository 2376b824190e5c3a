"""One session of the warehouse: its variables, its current catalog and schema, and the way of each statement.

A statement that Spark's grammar lacks is read by our own. For all others Spark's parser names the statement:
those about the catalog go to Unity Catalog, queries go to Spark with their names resolved through Unity Catalog.
"""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from local_stack.catalog_client import CatalogClient, CatalogRequestError
from local_stack.spark.process import INTERPRETED
from local_stack.warehouse.errors import StatementError, spark_failure, table_not_found, unsupported
from local_stack.warehouse.foreign_files import refuse_foreign_files
from local_stack.warehouse.grammar import (
    ChangeGrants,
    DescribeDelta,
    ExecuteImmediate,
    OwnStatement,
    RepairTable,
    ShowGrants,
    UseCatalog,
    described_histories,
    own_statement,
)
from local_stack.warehouse.information_schema import SCHEMA_NAME, information_schema, relation_names
from local_stack.warehouse.limits import Limits
from local_stack.warehouse.names import CatalogNames, is_path
from local_stack.warehouse.relations import elements, names_of, simple_name, with_readable_names
from local_stack.warehouse.result import Result, frame_result
from local_stack.warehouse.schemas import SchemaStatements
from local_stack.warehouse.tables import TableStatements, readable
from local_stack.warehouse.tokens import (
    SqlTextError,
    identifier_clauses,
    parameter_markers,
    parsed_name,
    quoted,
    replaced,
    tokens,
)

# Commands that only read, or that change the session alone: Spark runs them, with names resolved.
_SPARK_COMMANDS = {
    "CreateVariable",
    "SetVariable",
    "DropVariable",
    "ExplainCommand",
    "ShowTableProperties",
    "ShowColumns",
    "ShowFunctions",
    "DescribeFunction",
}

# Of these, what looks at a table and not at its rows.
_WITHOUT_ROWS = {"ExplainCommand", "ShowTableProperties", "ShowColumns"}

# What Spark's parser makes of a statement about variables, and of a constant expression.
_WITHOUT_TABLES = {"CreateVariable", "SetVariable", "Project"}
# Words that belong to a statement's name, for messages: INSERT INTO, DROP VIEW.
_SECOND_WORDS = {"INTO", "OVERWRITE", "FROM", "TABLE", "VIEW", "SCHEMA", "DATABASE", "CATALOG", "FUNCTION", "VOLUME"}

Arguments = Mapping[str, Any]


class Session:
    """A fresh session; statements run in order, each seeing what those before it set.

    catalog, schema: current at the start. limits: what the identity and the warehouse are refused.
    """

    def __init__(
        self,
        spark: SparkSession,
        client: CatalogClient,
        catalog: str | None,
        schema: str | None,
        *,
        limits: Limits,
    ) -> None:
        self._spark = spark.newSession()
        self._limits = limits
        self._names = CatalogNames(client, catalog, schema, refused=limits.refused_catalogs)
        self._tables = TableStatements(self._spark, self._names)
        self._schemas = SchemaStatements(self._names)
        self._views = 0
        self._is_interpreted, self._compiled = False, dict[str, str]()
        self._commands: dict[str, Callable[[Any], Result]] = {
            "CreateTable": self._tables.create,
            "DropTable": self._tables.drop,
            "ShowTables": self._tables.show,
            "DescribeRelation": self._tables.describe,
            "CommentOnTable": self._tables.comment,
            "CreateNamespace": self._schemas.create,
            "DropNamespace": self._schemas.drop,
            "SetNamespaceProperties": self._schemas.set_properties,
            "DescribeNamespace": self._schemas.describe,
            "ShowNamespaces": self._schemas.show,
            "ShowCatalogsCommand": self._schemas.show_catalogs,
            "SetNamespaceCommand": self._use_schema,
            "SetCatalogAndNamespace": self._use_named,
        }

    def run(self, sql: str, arguments: Arguments) -> Result:
        """Run one statement. Raises StatementError for whatever stops it."""
        try:
            sql = self._with_histories(sql)
            own = own_statement(self._with_identifiers(sql, arguments, only_before_parsing=True))
            return self._own(own, arguments) if own is not None else self._parsed(sql, arguments)
        except SqlTextError as error:
            raise StatementError("PARSE_SYNTAX_ERROR", f"[PARSE_SYNTAX_ERROR] {error}") from error
        except CatalogRequestError as error:
            raise StatementError(error.error_code or "UNITY_CATALOG_ERROR", str(error)) from error
        except (PySparkException, Py4JJavaError) as error:
            raise spark_failure(error) from error

    def _own(self, statement: OwnStatement, arguments: Arguments) -> Result:
        if isinstance(statement, RepairTable):
            return self._tables.repair(statement)
        if isinstance(statement, DescribeDelta):
            return self._tables.describe_delta(statement)
        if isinstance(statement, ChangeGrants):
            return self._schemas.change_grants(statement)
        if isinstance(statement, ShowGrants):
            return self._schemas.show_grants(statement)
        if isinstance(statement, UseCatalog):
            self._names.use_catalog(statement.name)
            return Result()
        return self._execute_immediate(statement, arguments)

    def _parsed(self, sql: str, arguments: Arguments) -> Result:
        sql = self._with_identifiers(sql, arguments)
        plan = self._parse(sql)
        kind = simple_name(plan)
        if kind in self._commands:
            return self._commands[kind](plan)
        if kind == "CreateViewCommand" and simple_name(plan.viewType()) != "LocalTempView$":
            raise unsupported("CREATE VIEW", "Only temporary views are.")
        if self._is_command(plan) and kind not in _SPARK_COMMANDS and kind != "CreateViewCommand":
            raise unsupported(_title(sql), "It reads tables, and registers and describes external Delta tables.")
        is_small = kind in {"CreateVariable", "SetVariable"} or _is_one_row(plan, kind)
        return frame_result(self._sql(sql, plan, arguments, interpreted=is_small))

    def _interpret(self, interpreted: bool) -> None:
        """Have Spark interpret plans, or compile them as it does by default.

        Expressions, variables and histories see a handful of rows: compiling takes longer. Files have their statements
        about them in a row, so the session stays as it is until one needs the other.
        """
        if interpreted == self._is_interpreted:
            return
        if interpreted:
            self._compiled = {key: str(self._spark.conf.get(key)) for key in INTERPRETED}
        for key, value in (INTERPRETED if interpreted else self._compiled).items():
            self._spark.conf.set(key, value)
        self._is_interpreted = interpreted

    def _sql(self, sql: str, plan: Any, arguments: Arguments, *, interpreted: bool) -> Any:
        if not self._names_no_table(plan):
            resolved = partial(self._resolved, reads_rows=simple_name(plan) not in _WITHOUT_ROWS)
            sql = with_readable_names(sql, names_of(sql, plan, self._subquery_mark), resolved)
        bound = _bound(sql, arguments)
        self._interpret(interpreted)
        return self._spark.sql(sql, args=bound) if bound else self._spark.sql(sql)

    def _names_no_table(self, plan: Any) -> bool:
        """Whether Spark's own marks of a plan say so: a walk through it costs a call to Java for each of its nodes."""
        return simple_name(plan) in _WITHOUT_TABLES and not any(map(plan.containsPattern, self._marks_of_tables))

    def _parse(self, sql: str) -> Any:
        return self._parser.parsePlan(sql)

    @cached_property
    def _parser(self) -> Any:
        return self._java_session.sessionState().sqlParser()

    @property
    def _java_session(self) -> Any:
        return self._spark._jsparkSession

    def _is_command(self, plan: Any) -> bool:
        return any(found.isInstance(plan) for found in self._command_classes)

    @cached_property
    def _command_classes(self) -> list[Any]:
        for_name: Any = self._spark._jvm.java.lang.Class.forName
        package = "org.apache.spark.sql.catalyst.plans.logical"
        return [for_name(f"{package}.{name}") for name in ("Command", "ParsedStatement", "V2WriteCommand")]

    @cached_property
    def _marks_of_tables(self) -> list[Any]:
        """A table expression hides the marks of what it reads."""
        patterns = self._patterns
        return [patterns.UNRESOLVED_RELATION(), patterns.RELATION_TIME_TRAVEL(), patterns.UNRESOLVED_WITH()]

    @cached_property
    def _subquery_mark(self) -> Any:
        return self._patterns.PLAN_EXPRESSION()

    @property
    def _patterns(self) -> Any:
        jvm: Any = self._spark._jvm
        return jvm.org.apache.spark.sql.catalyst.trees.TreePattern

    def _with_identifiers(self, sql: str, arguments: Arguments, *, only_before_parsing: bool = False) -> str:
        """The statement with every IDENTIFIER clause replaced by the name that its expression gives.

        Before our own grammar reads a statement, only where the clause is documented: USE and DESCRIBE.
        """
        clauses = identifier_clauses(sql)
        if not clauses or (only_before_parsing and tokens(sql)[0].keyword not in {"USE", "DESCRIBE", "DESC"}):
            return sql
        changes = []
        for clause in clauses:
            name = self._value(clause.expression, arguments)
            if name is None:
                raise SqlTextError(f"IDENTIFIER({clause.expression}) is NULL, and no name.")
            changes.append((clause.start, clause.end, quoted(*parsed_name(str(name)))))
        return replaced(sql, changes)

    def _with_histories(self, sql: str) -> str:
        """The statement with every history that it reads as a table replaced by the name of a view of it."""
        changes = []
        for start, end, statement in described_histories(sql):
            self._interpret(True)
            name = self._view("history", self._tables.history(statement))
            changes.append((start, end, quoted(name)))
        return replaced(sql, changes)

    def _value(self, expression: str, arguments: Arguments) -> Any:
        """The value of a constant expression. Most are text that Spark's optimizer computes, without a job."""
        sql = f"SELECT {expression} AS value"
        frame = self._sql(sql, self._parse(sql), arguments, interpreted=True)
        plan = frame._jdf.queryExecution().optimizedPlan()
        computed = plan.expressions().head().child() if simple_name(plan) == "Project" else None
        if computed is not None and simple_name(computed) == "Literal" and computed.dataType().typeName() == "string":
            text = computed.value()
            return None if text is None else text.toString()
        return frame.collect()[0][0]

    def _execute_immediate(self, statement: ExecuteImmediate, arguments: Arguments) -> Result:
        text = self._value(statement.statement, arguments)
        if not isinstance(text, str):
            raise StatementError("INVALID_EXECUTE_IMMEDIATE", "EXECUTE IMMEDIATE needs the text of a statement.")
        first = [token.keyword for token in tokens(text)[:2]]
        if first == ["EXECUTE", "IMMEDIATE"]:
            raise StatementError(
                "NESTED_EXECUTE_IMMEDIATE",
                "[NESTED_EXECUTE_IMMEDIATE] EXECUTE IMMEDIATE cannot run another EXECUTE IMMEDIATE.",
            )
        given = {name: self._value(expression, arguments) for name, expression in _named(statement.using)}
        if not statement.into:
            return self.run(text, given)
        text = self._with_histories(text)
        if self._is_command(self._parse(self._with_identifiers(text, given))):
            raise StatementError(
                "INVALID_STATEMENT_FOR_EXECUTE_INTO", "[INVALID_STATEMENT_FOR_EXECUTE_INTO] INTO takes a query only."
            )
        return self.run(f"SET VARIABLE ({', '.join(statement.into)}) = ({text}\n)", given)

    def _use_schema(self, plan: Any) -> Result:
        self._names.use_schema(tuple(elements(plan.namespace())))
        return Result()

    def _use_named(self, plan: Any) -> Result:
        self._names.use_schema(tuple(elements(plan.child().multipartIdentifier())))
        return Result()

    def _resolved(self, parts: tuple[str, ...], *, reads_rows: bool) -> tuple[tuple[str, ...], str] | None:
        if len(parts) == 1 and self._java_session.sessionState().catalog().getTempView(parts[0]).isDefined():
            return None
        if is_path(parts):
            return None
        full = self._names.full_table(parts)
        if full[1].lower() == SCHEMA_NAME:
            return full, quoted(self._information_schema(full))
        table = self._names.existing_table(full)
        source = readable(table)
        if reads_rows and not self._limits.reads_files_elsewhere:
            refuse_foreign_files(self._spark, table["storage_location"])
        return full, source

    def _information_schema(self, full: tuple[str, str, str]) -> str:
        if full[2].lower() not in relation_names():
            raise table_not_found(full)
        frame = information_schema(self._spark, self._names.client, full[0], full[2].lower())
        return self._view(SCHEMA_NAME, frame)

    def _view(self, what: str, frame: DataFrame) -> str:
        self._views += 1
        name = f"__{what}_{self._views}"
        frame.createOrReplaceTempView(name)
        return name


def _is_one_row(plan: Any, kind: str) -> bool:
    """Whether the statement is a SELECT without FROM."""
    return kind == "Project" and simple_name(plan.child()) == "OneRowRelation"


def _bound(sql: str, arguments: Arguments) -> dict[str, Any]:
    markers = parameter_markers(sql)
    missing = [marker for marker in markers if marker not in arguments]
    if missing:
        known = ", ".join(sorted(arguments)) or "none"
        raise StatementError(
            "UNBOUND_SQL_PARAMETER",
            f"[UNBOUND_SQL_PARAMETER] No value is given for :{', :'.join(missing)}. Parameters given: {known}.",
        )
    return {marker: arguments[marker] for marker in markers}


def _named(using: tuple[tuple[str | None, str], ...]) -> list[tuple[str, str]]:
    """Named arguments; a variable without a name goes under its own, as Databricks has it."""
    named = [(name or expression, expression) for name, expression in using]
    if any(not name.isidentifier() for name, _ in named):
        raise unsupported("EXECUTE IMMEDIATE with positional arguments", "Name each one: USING expression AS name.")
    return named


def _title(sql: str) -> str:
    words = [token.text for token in tokens(sql)[:2] if token.kind == "word"]
    return " ".join(words[:1] + [word for word in words[1:] if word.upper() in _SECOND_WORDS])
