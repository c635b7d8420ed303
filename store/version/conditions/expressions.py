"""What a `where` condition may contain: an expression over the columns of one row, as DuckDB's own parser reads it.

Everything that is not listed here is refused: sub-selects, functions over many rows, and functions that read files or
settings, wait, count, draw at random, or produce much output from little input (`repeat`, `range`, `lpad`). The rest
costs time and memory in proportion to the rows, so that the limits of a condition can be enforced.
"""

import json
from collections.abc import Iterator
from typing import Any

FRAME = "SELECT 1 FROM images WHERE (\n{}\n)"
MOST_TEXT = 1_000_000
MOST_BUILT = 10_000
"""Characters of a condition, and of the texts in it that functions are given."""


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


FUNCTIONS = words("""
+ - * / // % ** ^ || & | ~ << >> @ && @> <@ ^@ ~~ !~~ ~~* !~~* ~~~ ->> abs add subtract multiply divide mod fmod fdiv
ceil ceiling floor round round_even roundbankers trunc sign signbit sqrt cbrt exp ln log log2 log10 pow power even gcd
lcm greatest_common_divisor least_common_multiple isnan isinf isfinite pi radians degrees sin cos tan asin acos atan
atan2 sinh cosh tanh cot xor bit_count greatest least factorial gamma lgamma nextafter hash
lower lcase upper ucase length len strlen char_length character_length bit_length octet_length length_grapheme trim
ltrim rtrim substring substr substring_grapheme left right left_grapheme right_grapheme strpos instr position contains
starts_with ends_with prefix suffix concat concat_ws replace translate reverse ascii ord unicode chr split string_split
str_split string_to_array split_part string_split_regex str_split_regex regexp_split_to_array regexp_matches
regexp_full_match regexp_extract regexp_extract_all like_escape not_like_escape ilike_escape not_ilike_escape
strip_accents nfc_normalize levenshtein editdist3 damerau_levenshtein hamming mismatches jaccard jaro_similarity
jaro_winkler_similarity md5 sha1 sha256 parse_filename parse_dirname parse_dirpath parse_path json_extract
json_extract_string json_extract_path json_extract_path_text json_valid json_type json_array_length json_contains
json_exists json_keys
date_part datepart date_trunc datetrunc date_diff datediff date_sub datesub date_add year month day dayofmonth dayofweek
isodow weekday dayofyear week weekofyear yearweek isoyear quarter hour minute second millisecond microsecond nanosecond
epoch epoch_ms epoch_us epoch_ns strftime strptime try_strptime make_date make_time make_timestamp make_timestamp_ms
make_timestamp_ns to_timestamp to_years to_quarters to_months to_weeks to_days to_hours to_minutes to_seconds
to_milliseconds to_microseconds age monthname dayname last_day century decade era millennium julian timezone
time_bucket today now current_date current_timestamp current_time get_current_timestamp get_current_time
current_localtimestamp current_localtime transaction_timestamp
if ifnull nullif coalesce typeof constant_or_null list_value array_value list_contains list_has array_contains array_has
list_position list_indexof array_position array_indexof list_has_any array_has_any list_has_all array_has_all
list_extract list_element array_extract list_slice array_slice array_length list_distinct array_distinct list_unique
array_unique list_sort array_sort list_reverse_sort list_min list_max list_sum list_avg list_count list_concat
array_concat cardinality map map_extract map_extract_value map_contains map_keys map_values element_at struct_extract
struct_extract_at struct_pack row
""")
TYPES = words("""
BOOLEAN BOOL LOGICAL TINYINT SMALLINT INTEGER INT BIGINT LONG SHORT SIGNED HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT
UHUGEINT INT1 INT2 INT4 INT8 INT16 INT32 INT64 INT128 UINT8 UINT16 UINT32 UINT64 UINT128 INTEGRAL FLOAT FLOAT4 FLOAT8
REAL DOUBLE DECIMAL NUMERIC DEC VARCHAR TEXT STRING CHAR BPCHAR NVARCHAR DATE TIME TIMESTAMP DATETIME TIMESTAMPTZ TIMETZ
TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_US TIMESTAMP_NS INTERVAL UUID
""") | {"TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE"}
_CLASSES = words("""
COLUMN_REF POSITIONAL_REFERENCE CONSTANT COMPARISON CONJUNCTION BETWEEN CASE COLLATE CAST OPERATOR FUNCTION TYPE
""")
_OPERATORS = words("""
OPERATOR_NOT OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL COMPARE_IN COMPARE_NOT_IN OPERATOR_COALESCE OPERATOR_NULLIF
OPERATOR_TRY ARRAY_EXTRACT ARRAY_SLICE STRUCT_EXTRACT ARRAY_CONSTRUCTOR
""")
_WORDS = {
    "SUBQUERY": "a sub-select",
    "WINDOW": "a window function",
    "STAR": "* or COLUMNS(...)",
    "PARAMETER": "a parameter (? or $)",
    "LAMBDA": "a lambda",
    "DEFAULT": "DEFAULT",
    "OPERATOR_UNPACK": "* or COLUMNS(...)",
    "GROUPING_FUNCTION": "GROUPING",
}


def refused(parsed: str, plain: str) -> str | None:
    """What a condition contains that is not allowed, in words; None where all is allowed.

    parsed: DuckDB's `json_serialize_sql` of FRAME with the condition in it. plain: the same with "true" in it.
    """
    try:
        tree, frame = json.loads(parsed), json.loads(plain)
        if tree["error"]:
            return str(tree.get("error_message") or "it is not an expression").strip().splitlines()[0]
        condition = _taken_out(tree)
        _taken_out(frame)
        if condition is not None and (why := next(_refusals(condition), None)):
            return why
        return None if tree == frame and condition is not None else "a condition is one expression over the columns"
    except RecursionError:
        return "it is nested too deeply"


def _taken_out(tree: Any) -> Any:
    """The condition's node, taken out of the whole statement, which then has no positions in the text."""
    node = tree["statements"][0]["node"]
    condition = node.pop("where_clause", None)
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            item.pop("query_location", None)
            item.pop("query_location_length", None)
        stack += [*item.values()] if isinstance(item, dict) else item if isinstance(item, list) else []
    return condition


def _refusals(condition: Any) -> Iterator[str]:
    """What is refused in the condition's tree, in words."""
    stack, built = [(condition, False)], 0
    while stack:
        node, inside = stack.pop()
        if isinstance(node, list):
            stack += [(item, inside) for item in reversed(node)]
        if not isinstance(node, dict):
            continue
        if "class" in node and (why := _refusal(node)):
            yield why
        if "cast_type" in node and (why := _type_refusal(_type_name(node["cast_type"]))):
            yield why
        inside = inside or node.get("class") == "FUNCTION"
        built += len(quoted(node) or "") if inside else 0
        stack += [(item, inside) for item in reversed(node.values())]
    if built > MOST_BUILT:
        yield f"its functions receive {built:,} characters of text, and {MOST_BUILT:,} are allowed"


def _refusal(node: dict[str, Any]) -> str | None:
    """Why a single node is refused; None where it is allowed."""
    kind = node["class"]
    if kind not in _CLASSES:
        return f"{_WORDS.get(kind, kind.lower().replace('_', ' '))} is not allowed in a condition"
    if kind == "OPERATOR" and node["type"] not in _OPERATORS:
        return f"{_WORDS.get(node['type'], node['type'])} is not allowed in a condition"
    if kind == "TYPE":
        return _type_refusal(str(node.get("type_name")))
    if kind == "FUNCTION":
        return _function_refusal(node)
    return None


def _function_refusal(node: dict[str, Any]) -> str | None:
    name = str(node["function_name"]).lower()
    if name not in FUNCTIONS:
        return f"function {name!r} is not allowed in a condition"
    if name == "replace":
        old, new = ([quoted(argument) for argument in _arguments(node)] + [None] * 3)[1:3]
        if old is None or new is None or len(new) > len(old):
            return "replace() may only replace a text by one that is not longer (both in quotes)"
    return None


def _arguments(node: dict[str, Any]) -> list[Any]:
    """The arguments of a function: `children` before DuckDB 2, and each in an `expression` since then."""
    return [item.get("expression", item) for item in node.get("arguments") or node.get("children") or []]


def quoted(node: Any) -> str | None:
    """The quoted text in a node; None where it has none."""
    if not isinstance(node, dict) or node.get("class") != "CONSTANT":
        return None
    literal, value = node.get("literal"), node.get("value")
    if isinstance(literal, dict):
        return literal.get("text") if literal.get("kind") == "STRING" else None
    value = value.get("value") if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _type_name(given: Any) -> str:
    """The name of a type as DuckDB before version 2 writes it."""
    info = given.get("type_info") or {}
    return str(info.get("user_type_name") or given.get("id"))


def _type_refusal(name: str) -> str | None:
    return None if name.upper() in TYPES else f"a conversion to type {name} is not allowed in a condition"
