"""The operators of a condition task. Pure.

From the Databricks documentation, jobs/if-else and the API's ``condition_task``: ``==`` and ``!=`` compare strings
("12.0" == "12" is false), the others compare numbers ("12.0" >= "12" is true).
"""

from decimal import Decimal, InvalidOperation

STRING_OPERATORS = frozenset({"EQUAL_TO", "NOT_EQUAL"})
OPERATORS = STRING_OPERATORS | {"GREATER_THAN", "GREATER_THAN_OR_EQUAL", "LESS_THAN", "LESS_THAN_OR_EQUAL"}


def holds(operator: str, left: str, right: str) -> bool:
    """Whether the condition is true. Raises ValueError where a numeric operator meets text that is no number."""
    if operator == "EQUAL_TO":
        return left == right
    if operator == "NOT_EQUAL":
        return left != right
    left_number, right_number = _number(operator, left), _number(operator, right)
    return {
        "GREATER_THAN": left_number > right_number,
        "GREATER_THAN_OR_EQUAL": left_number >= right_number,
        "LESS_THAN": left_number < right_number,
        "LESS_THAN_OR_EQUAL": left_number <= right_number,
    }[operator]


def _number(operator: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise ValueError(f"the condition {operator} compares numbers, and '{text}' is none")
    return number
